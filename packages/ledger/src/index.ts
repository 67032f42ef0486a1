export type {
  ClaimAnswer,
  ClaimRequest,
  MoveAnswer,
  MoveRequest,
  RunAnswer,
  RunRequest,
} from './dispatch-rules.js';
export { LedgerUnavailable } from './failures.js';
export { type Ledger, openLedger } from './ledger.js';
export { type Letter, type LetterState, letterStates, type NewLetter, type RelatedIds } from './letter.js';
export type { LetterDecision, LetterFilter, Letters } from './letters.js';
export type { NamedLeases } from './named-leases.js';
export type { Queries, TaskFilter, TaskResult } from './queries.js';
export type { NewTask, SubmitAnswer } from './submissions.js';
export type { Sweeps } from './sweeps.js';
export type { AttemptRun, Lease, OwedPublish, RunOutcome, Task } from './task.js';
