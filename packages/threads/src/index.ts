// Two of the types stand in nobody's import: a thread's module has them in the type of its default export.
export { type ThreadAnswer, type ThreadGiven, type ThreadStep, threadEntry } from './thread-entry.js';
export { createThreadPool, type ThreadPool, type ThreadPoolOptions } from './thread-pool.js';
