import type { Failure, ReasonCode, TaskState } from '@warren/tasks';
import type { HandAct } from './hand-act.js';

/**
 * Which publish a task still owes, since its last move or since a worker gave it back: to its work queue, through the delay,
 * or as a dead letter.
 */
export type OwedPublish = 'task' | 'delayed' | 'dead';

/**
 * One task as the ledger knows it: the truth about it. Times are epoch milliseconds.
 *
 * `dispatch` and `token` carry the guarantees: a message is good for exactly one dispatch, and whoever works the task
 * holds exactly one token. Both only ever grow.
 */
export interface Task {
  readonly id: string;
  readonly type: string;
  readonly priority: number;
  readonly state: TaskState;
  readonly dispatch: number;
  /** Counts from 1 over the task's whole life, replays included. */
  readonly attempt: number;
  /** The attempt with which the present allowance began: 1, or the attempt that a replay started. */
  readonly allowanceFrom: number;
  /** The token of the newest claim; 0 before the first. */
  readonly token: number;
  readonly lease: Lease | null;
  /** Tokens of runs that started and never ended, since the allowance began. */
  readonly lostTokens: readonly number[];
  readonly owed: OwedPublish | null;
  /**
   * When the present dispatch began; a release, and each copy that is published for it, begins its wait anew and later.
   * With the dispatch it names the publish that is owed: a note of a confirm says both, as its publisher read them.
   */
  readonly dispatchedAt: number;
  /** Not to be worked before this time; 0: at once. */
  readonly dueAt: number;
  /** When the broker last confirmed a message for the present dispatch; null while it has not. */
  readonly publishedAt: number | null;
  readonly expiresMs: number | null;
  readonly deadlineAt: number | null;
  /** Hash of type and payload: tells a duplicate from a conflict. */
  readonly fingerprint: string;
  readonly idempotencyKey: string | null;
  readonly tenant: string;
  readonly group: string | null;
  readonly entities: readonly string[];
  readonly correlationId: string | null;
  readonly replyTo: string | null;
  readonly traceparent: string | null;
  /** How often the same task was submitted again. */
  readonly duplicates: number;
  /** Why it last failed or was parked; null when nothing went wrong in the present allowance. */
  readonly reasonCode: ReasonCode | null;
  /** In words, also why a person cancelled it, or that one completed it by hand: then without a code. */
  readonly reason: string | null;
  readonly progress: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export interface Lease {
  readonly owner: string;
  /** The copy of the message under which the task was claimed. */
  readonly copy: string;
  readonly until: number;
}

/** How a run ended. `running`: it has not; `lost`: it never will, as far as anyone knows. */
export type RunOutcome =
  | 'running'
  | 'completed'
  | 'failed'
  | 'snoozed'
  | 'released'
  | 'lost'
  | 'superseded'
  | 'cancelled';

/** One run of one attempt. An attempt has several runs when a worker died or was drained in the middle of it. */
export interface AttemptRun {
  readonly taskId: string;
  readonly token: number;
  readonly attempt: number;
  readonly dispatch: number;
  readonly worker: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly outcome: RunOutcome;
  readonly code: ReasonCode | null;
  readonly error: string | null;
  readonly stack: string | null;
  /** How long the other side asked us to wait, counted from `endedAt`. */
  readonly retryAfterMs: number | null;
}

/** What a change to a task writes besides the task's own row, in the same transaction. */
export type Effect =
  | { readonly kind: 'run-started'; readonly run: AttemptRun }
  | {
      readonly kind: 'run-ended';
      readonly token: number;
      readonly outcome: Exclude<RunOutcome, 'running'>;
      readonly at: number;
      readonly failure?: Failure;
    }
  | { readonly kind: 'result'; readonly result: string; readonly cost: string | null; readonly at: number }
  | { readonly kind: 'by-hand'; readonly act: HandAct };

/** A decision over one task: what to answer, what changes. Nothing is written when there is neither patch nor effect. */
export interface Decision<Answer> {
  readonly answer: Answer;
  readonly patch?: Partial<Task>;
  readonly effects?: readonly Effect[];
  /**
   * A power cut of a SQLite ledger's machine may take the decision back within the first tenth of a second: all processes
   * that use that ledger run there, so whatever the decision allows ends in that moment too, or is made good by the
   * sweeper. Default false: it is on the disk before anybody hears of it.
   */
  readonly forgettable?: true;
}
