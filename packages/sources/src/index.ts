export { defaultSourcesConfig, type SourcesConfig, sourcesConfigFrom } from './config.js';
export * from './document.js';
export { documentFromText } from './document-from-text.js';
export type { Format, FormatChoice } from './format.js';
export type { ResolveHost } from './guarded-lookup.js';
export { createSourceReader, type SourceReader, type SourceReaderWorld } from './source-reader.js';
