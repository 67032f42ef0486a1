export * from './fingerprint.js';
export * from './intake.js';
