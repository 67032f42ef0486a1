export * from './summarize-document.js';
export * from './summarize-handler.js';
export * from './summarize-job.js';
