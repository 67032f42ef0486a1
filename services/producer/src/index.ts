export type { ProducerConfig } from './config.js';
export { type Producer, startProducer } from './producer.js';
export { addTaskCommands } from './task-commands.js';
