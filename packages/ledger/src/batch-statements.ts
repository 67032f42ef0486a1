import type { Transaction } from 'kysely';
import type { AttemptRow, Tables, TaskRow } from './schema.js';

/**
 * The statements of the group commits, a whole batch at a time. Every task passes them several times, and a query builder
 * would cost more than the database: so each database has them in its own fastest words.
 */
export interface BatchStatements {
  /** The rows of these tasks, held against other writers until the transaction ends. */
  lock(transaction: Transaction<Tables>, ids: readonly string[]): Promise<readonly TaskRow[]>;
  /** The same of those among them that owe a publish. */
  lockOwing(transaction: Transaction<Tables>, ids: readonly string[]): Promise<readonly TaskRow[]>;
  /** Each id once. Answers the ids that were new; a row whose id or idempotency key is taken is left out. */
  insertTasks(transaction: Transaction<Tables>, rows: readonly TaskRow[]): Promise<Set<string>>;
  updateTasks(transaction: Transaction<Tables>, changes: readonly TaskChange[]): Promise<void>;
  insertInputs(transaction: Transaction<Tables>, rows: readonly Tables['inputs'][]): Promise<void>;
  insertRuns(transaction: Transaction<Tables>, rows: readonly AttemptRow[]): Promise<void>;
  /** Each run once. */
  endRuns(transaction: Transaction<Tables>, rows: readonly EndedRun[]): Promise<void>;
  insertResults(transaction: Transaction<Tables>, rows: readonly Tables['results'][]): Promise<void>;
}

/** A task's row as it was read, and as it is to be. */
export interface TaskChange {
  readonly before: TaskRow;
  readonly after: TaskRow;
}

export type EndedRun = Pick<
  AttemptRow,
  'task_id' | 'token' | 'ended_at' | 'outcome' | 'code' | 'error' | 'stack' | 'retry_after_ms'
>;

/** Every column of a task, in one order for all statements. */
export const taskColumns = [
  'id',
  'type',
  'priority',
  'state',
  'dispatch',
  'attempt',
  'allowance_from',
  'token',
  'lease_owner',
  'lease_copy',
  'lease_until',
  'lost_tokens',
  'owed',
  'dispatched_at',
  'due_at',
  'published_at',
  'expires_ms',
  'deadline_at',
  'fingerprint',
  'idempotency_key',
  'tenant',
  'task_group',
  'entities',
  'correlation_id',
  'reply_to',
  'traceparent',
  'duplicates',
  'reason_code',
  'reason',
  'progress',
  'created_at',
  'updated_at',
  'started_at',
  'finished_at',
] as const satisfies readonly (keyof TaskRow)[];

const fixedColumns: ReadonlySet<string> = new Set<keyof TaskRow>([
  'id',
  'type',
  'fingerprint',
  'idempotency_key',
  'tenant',
  'task_group',
  'entities',
  'correlation_id',
  'reply_to',
  'traceparent',
  'created_at',
]);

/** What may change after the submission. */
export const changingColumns = taskColumns.filter((column) => !fixedColumns.has(column));

export const attemptColumns = [
  'task_id',
  'token',
  'attempt',
  'dispatch',
  'worker',
  'started_at',
  'ended_at',
  'outcome',
  'code',
  'error',
  'stack',
  'retry_after_ms',
] as const satisfies readonly (keyof AttemptRow)[];

/** What the end of a run writes into its row. */
export const endColumns = [
  'ended_at',
  'outcome',
  'code',
  'error',
  'stack',
  'retry_after_ms',
] as const satisfies readonly (keyof EndedRun)[];
