export * from './read-sources.js';
export * from './research-documents.js';
export * from './research-handler.js';
export type { ResearchJob } from './research-thread.js';
