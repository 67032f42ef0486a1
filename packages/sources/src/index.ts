export { defaultSourcesConfig, type SourcesConfig, sourcesConfigFrom } from './config.js';
export type { Block, Document } from './document.js';
export { documentFrom, documentFromText } from './document-from.js';
export type { FormatChoice } from './format.js';
export { warnOfMissingFolders } from './missing-folders.js';
export type { RawFile, RawPage, RawSource } from './raw-source.js';
export { createSourceReader, type SourceReader, type SourceReaderWorld } from './source-reader.js';
