export { defaultSourcesConfig, type SourcesConfig, sourcesConfigFrom } from './config.js';
export * from './document.js';
export { documentFrom, documentFromText } from './document-from.js';
export type { Format, FormatChoice } from './format.js';
export type { ResolveHost } from './guarded-lookup.js';
export * from './raw-source.js';
export { createSourceReader, type SourceReader, type SourceReaderWorld } from './source-reader.js';
