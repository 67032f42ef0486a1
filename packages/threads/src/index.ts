export * from './thread-entry.js';
export * from './thread-pool.js';
