export { type Failure, failureOf, maxErrorMessageChars, TaskFailure } from './failure.js';
export * from './headers.js';
export {
  boundedDefect,
  type Defect,
  depthDefect,
  dispatchNamed,
  encodeBody,
  parseMessage,
  type TaskMessage,
  type Ticket,
} from './message.js';
export * from './policy.js';
export * from './priority.js';
export { isReasonCode, permanentCodes, type ReasonCode, reasonCodes, transientCodes } from './reason-codes.js';
export * from './registry.js';
export { researchInput, researchResult } from './research.js';
export type { SourceReference } from './source-reference.js';
export { finalStates, isFinal, openStates, type TaskState, taskStates, transitions } from './states.js';
export * from './submission.js';
export { summarizeInput, summarizeResult, summaryLengths } from './summarize.js';
export * from './task-type.js';
export * from './task-types.js';
