export * from './fingerprint.js';
export * from './intake.js';
export { newTaskId } from './task-id.js';
