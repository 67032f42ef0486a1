export * from './engine-pool.js';
export * from './engine-thread.js';
export * from './prose-quality.js';
export * from './sentences.js';
export * from './words.js';
