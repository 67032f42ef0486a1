export * from './fetch-sources.js';
export * from './research-documents.js';
export * from './research-handler.js';
export * from './research-job.js';
