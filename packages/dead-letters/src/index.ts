export { restoreProperties } from './kept-properties.js';
export { consumeLetters, type LetterConsumers, type LetterConsumersParts } from './letter-consumers.js';
export {
  type ActionOutcome,
  createOperations,
  type LetterDetails,
  type Operations,
  type OperationsParts,
} from './operations.js';
export { parkRaw } from './park-raw.js';
export { parkUnreadable } from './park-unreadable.js';
export { maxCopiesMet, maxMeetings } from './processor.js';
export {
  createRetention,
  defaultRetentionSettings,
  type RetentionParts,
  type RetentionSettings,
} from './retention.js';
export { defaultRules, type Rule, replayMayHelp } from './rules.js';
export {
  createSweeper,
  defaultSweeperSettings,
  type Sweeper,
  type SweeperParts,
  type SweeperSettings,
  type SweepReport,
} from './sweeper.js';
