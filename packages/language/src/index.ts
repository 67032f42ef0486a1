export * from './leaning.js';
export * from './prose-quality.js';
export * from './sentences.js';
export * from './split-sentences.js';
export * from './words.js';
