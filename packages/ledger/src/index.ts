export type { ClaimAnswer, ClaimRequest, MoveAnswer, RunAnswer } from './dispatch-rules.js';
export { LedgerUnavailable } from './failures.js';
export { type Ledger, openLedger } from './ledger.js';
export { type Letter, type LetterState, letterStates, type NewLetter, type RelatedIds } from './letter.js';
export type { LetterDecision, LetterFilter, Letters } from './letters.js';
export type { Queries, TaskFilter } from './queries.js';
export type { Sweeps } from './sweeps.js';
export type { AttemptRun, Lease, Task } from './task.js';
