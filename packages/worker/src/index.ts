export { type WorkerConfig, workerConfigFrom } from './config.js';
export { abortGraceMs, maxResultBytes } from './handle.js';
export * from './handler.js';
export { createLedgerPatience, type LedgerPatience } from './ledger-patience.js';
export { type RunWorkerOptions, runWorker, type Worker } from './run-worker.js';
