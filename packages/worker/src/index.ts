export { type WorkerConfig, workerConfigFrom } from './config.js';
export { abortGraceMs, maxResultBytes } from './handle.js';
export * from './handler.js';
export { type RunWorkerOptions, runWorker, type Worker } from './run-worker.js';
