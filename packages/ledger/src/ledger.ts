import { randomUUID } from 'node:crypto';
import type { Failure, ReasonCode } from '@warren/tasks';
import { untilAvailable } from './availability.js';
import { type LedgerDatabase, type OpenLedgerOptions, openDatabase } from './database.js';
import {
  type CancelRequest,
  type ClaimAnswer,
  type ClaimRequest,
  decideCancel,
  decideClaim,
  decideComplete,
  decideCompleteByHand,
  decideFail,
  decidePark,
  decideProgress,
  decidePublished,
  decideRecover,
  decideRelease,
  decideRenew,
  decideReplay,
  decideRetry,
  decideSnooze,
  type MoveAnswer,
  type MoveRequest,
  type PublishedRequest,
  type RecoverRequest,
  type RunAnswer,
  type RunRequest,
} from './dispatch-rules.js';
import type { ByHand } from './hand-act.js';
import { createLetters, type Letters } from './letters.js';
import { createLivingQueues, type LivingQueues } from './living-queues.js';
import { migrate } from './migrations.js';
import { createNamedLeases, type NamedLeases } from './named-leases.js';
import { createQueries, type Queries } from './queries.js';
import { createPrunes, type Prunes } from './retention.js';
import { createSubmissions, type NewTask, type SubmitAnswer } from './submissions.js';
import { createSweeps, type Sweeps } from './sweeps.js';
import { onDisk } from './transactions.js';
import { createTransitions } from './transitions.js';

/**
 * The truth about every task. Each method that changes a task is one decision of `dispatch-rules.ts`: committed, with
 * whatever else is waiting, and on the disk (unless the decision is `forgettable`) before the promise settles. Each throws
 * `LedgerUnavailable` when the database is gone, and may then be called again with the same words.
 */
export interface Ledger {
  /** Where it is, without a password. */
  readonly label: string;

  submit(submission: NewTask): Promise<SubmitAnswer>;
  published(taskId: string, request: PublishedRequest): Promise<MoveAnswer>;
  /** The same without hurry and without an answer: within half a second, unless a worker has claimed the task by then. */
  notePublished(taskId: string, request: PublishedRequest): Promise<void>;

  claim(taskId: string, request: ClaimRequest): Promise<ClaimAnswer>;
  renew(taskId: string, request: RunRequest & { leaseMs: number }): Promise<RunAnswer>;
  progress(taskId: string, request: RunRequest & { progress: string }): Promise<RunAnswer>;
  complete(taskId: string, request: RunRequest & { result: string; cost: string | null }): Promise<RunAnswer>;
  fail(taskId: string, request: RunRequest & { failure: Failure }): Promise<RunAnswer>;
  snooze(taskId: string, request: RunRequest & { dueAt: number; reason: string }): Promise<RunAnswer>;
  release(taskId: string, request: RunRequest): Promise<RunAnswer>;

  retry(taskId: string, request: MoveRequest & { dueAt: number }): Promise<MoveAnswer>;
  park(taskId: string, request: MoveRequest & { code: ReasonCode; reason: string }): Promise<MoveAnswer>;
  recover(taskId: string, request: RecoverRequest): Promise<MoveAnswer>;
  replay(taskId: string, request: { now: number; byHand?: ByHand }): Promise<MoveAnswer>;
  completeByHand(taskId: string, request: MoveRequest & { result: string | null; byHand: ByHand }): Promise<MoveAnswer>;
  cancel(taskId: string, request: CancelRequest): Promise<MoveAnswer>;

  readonly queries: Queries;
  readonly letters: Letters;
  readonly sweeps: Sweeps;
  readonly prunes: Prunes;
  readonly leases: NamedLeases;
  readonly livingQueues: LivingQueues;

  /**
   * Resolves when all that was read so far survives a power cut: for whoever acts on what others wrote, and writes nothing.
   * Throws `LedgerUnavailable`.
   */
  onDisk(): Promise<void>;
  /**
   * Settles once the database takes a write, at the earliest after 250 ms. Rejects when `signal` aborts, or with an error
   * that does not come of the database being away.
   */
  untilAvailable(signal: AbortSignal): Promise<void>;
  /** Waits for what is under way, then lets go of the database. */
  close(): Promise<void>;
}

/**
 * Opens the ledger and brings its schema up to date. `url`: a path or `sqlite://…` for a file, `postgres://…` for a
 * server; `LedgerUrlError` for anything else. Throws `LedgerUnavailable` when it can't be reached within five seconds, or
 * refuses to be used. What a ledger that may only be read (a standby, a full disk) can answer, it answers.
 */
export async function openLedger(url: string, options: OpenLedgerOptions = {}): Promise<Ledger> {
  const database = openDatabase(url, options);
  try {
    await migrate(database);
  } catch (error) {
    await database.db.destroy().catch(() => undefined);
    throw error;
  }
  return ledgerOver(database);
}

function ledgerOver(database: LedgerDatabase): Ledger {
  const submissions = createSubmissions(database);
  const { apply, idle, note } = createTransitions(database);

  return {
    label: database.label,
    submit: submissions.submit,
    published: (id, request) => apply(id, (task) => decidePublished(task, request)),
    notePublished: (id, request) => note(id, (task) => decidePublished(task, request)),
    claim: (id, request) => apply(id, (task) => decideClaim(task, request)),
    renew: (id, request) => apply(id, (task) => decideRenew(task, request)),
    progress: (id, request) => apply(id, (task) => decideProgress(task, request)),
    complete: (id, request) => apply(id, (task) => decideComplete(task, request), request.result),
    fail: (id, request) => apply(id, (task) => decideFail(task, request)),
    snooze: (id, request) => apply(id, (task) => decideSnooze(task, request)),
    release: (id, request) => apply(id, (task) => decideRelease(task, request)),
    retry: (id, request) => apply(id, (task) => decideRetry(task, request)),
    park: (id, request) => apply(id, (task) => decidePark(task, request)),
    recover: (id, request) => apply(id, (task) => decideRecover(task, request)),
    replay: (id, request) => apply(id, (task) => decideReplay(task, request)),
    completeByHand: (id, request) => apply(id, (task) => decideCompleteByHand(task, request), request.result),
    cancel: (id, request) => apply(id, (task) => decideCancel(task, request)),
    queries: createQueries(database),
    letters: createLetters(database, randomUUID),
    sweeps: createSweeps(database),
    prunes: createPrunes(database),
    leases: createNamedLeases(database),
    livingQueues: createLivingQueues(database),
    onDisk: () => onDisk(database),
    untilAvailable: (signal) => untilAvailable(database, signal),
    async close() {
      await Promise.all([submissions.idle(), idle()]);
      await database.db.destroy();
    },
  };
}
