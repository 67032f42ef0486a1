export { keepProperties, type RestoredProperties, restoreProperties } from './kept-properties.js';
export { consumeLetters, type LetterConsumers, type LetterConsumersParts } from './letter-consumers.js';
export {
  type ActionOutcome,
  createOperations,
  type Escalation,
  type LetterDetails,
  type Operations,
  type OperationsParts,
  type WorkByHand,
} from './operations.js';
export { parkRaw, type RawMessageFacts, type RawParts } from './park-raw.js';
export { parkUnreadable, type Unreadable, type UnreadableParts } from './park-unreadable.js';
export { type LetterOutcome, maxCopiesMet, maxMeetings, type ProcessorParts, processLetter } from './processor.js';
export {
  createRetention,
  defaultRetentionSettings,
  type Retention,
  type RetentionParts,
  type RetentionReport,
  type RetentionSettings,
} from './retention.js';
export {
  backoffCeilingMs,
  decideRetry,
  maxRetryAfterMs,
  type RetryDecision,
  type RetryFacts,
} from './retry-decision.js';
export {
  type Classification,
  classify,
  defaultRules,
  type LetterFacts,
  type LetterOrigin,
  type Rule,
  type RuleName,
  replayMayHelp,
} from './rules.js';
export {
  createSweeper,
  defaultSweeperSettings,
  type Sweeper,
  type SweeperParts,
  type SweeperSettings,
  type SweepReport,
} from './sweeper.js';
