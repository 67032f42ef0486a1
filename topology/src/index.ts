export * from './ladder.js';
export * from './model.js';
export * from './names.js';
export * from './topology.js';
