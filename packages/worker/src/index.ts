export { type WorkerConfig, workerConfigFrom } from './config.js';
export * from './handler.js';
export { runWorker, type Worker } from './run-worker.js';
