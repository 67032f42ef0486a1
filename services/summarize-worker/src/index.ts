export * from './summarize-document.js';
export * from './summarize-handler.js';
export type { SummarizeJob } from './summarize-thread.js';
