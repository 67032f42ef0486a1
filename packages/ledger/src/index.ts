export type { OpenLedgerOptions } from './database.js';
export type { ClaimAnswer, ClaimRequest, MoveAnswer, PublishedRequest, RunAnswer } from './dispatch-rules.js';
export { LedgerUnavailable } from './failures.js';
export type { ByHand, HandAct, HandActName } from './hand-act.js';
export { type Ledger, openLedger } from './ledger.js';
export { LedgerMissing, LedgerUrlError } from './ledger-address.js';
export {
  isOpenLetter,
  type Letter,
  type LetterOutline,
  type LetterState,
  letterStates,
  type NewLetter,
  openLetterStates,
  type RelatedIds,
} from './letter.js';
export type { LetterDecision, LetterFilter, LetterPlace, Letters, ParkedNote, SettledLetters } from './letters.js';
export type { LivingQueue, LivingQueues } from './living-queues.js';
export type { Queries, TaskFilter } from './queries.js';
export { type Pruned, type Prunes, type RetentionLimits, retentionRules } from './retention.js';
export { serverClock } from './server-clock.js';
export type { Sweeps, TaskPlace, UntoldTasks } from './sweeps.js';
export type { AttemptRun, Lease, Task } from './task.js';
