export { type ProducerConfig, producerConfigFrom } from './config.js';
export { type Producer, type ProducerOptions, startProducer } from './producer.js';
export { addTaskCommands } from './task-commands.js';
