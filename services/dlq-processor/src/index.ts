export { addDeadLetterCommands } from './commands.js';
export { type DlqProcessorConfig, dlqProcessorConfigFrom } from './config.js';
export { type DlqProcessorOptions, startDlqProcessor } from './dlq-processor.js';
