import type { Transaction } from 'kysely';
import type { BatchStatements } from './batch-statements.js';
import type { LedgerDatabase } from './database.js';
import { LedgerUnavailable } from './failures.js';
import { createGroupCommit, maxBatchBytes } from './group-commit.js';
import { rowFrom, taskFrom } from './rows.js';
import type { Tables } from './schema.js';
import type { Task } from './task.js';
import { inTransaction } from './transactions.js';

/** A task as intake hands it in, with its input as JSON text. */
export interface NewTask {
  readonly task: Task;
  readonly payload: string;
}

export type SubmitAnswer =
  | { readonly kind: 'recorded'; readonly task: Task }
  /** The same id or idempotency key with the same content: this is the task that is there already. */
  | { readonly kind: 'duplicate'; readonly task: Task }
  /** The same id or idempotency key with other content. */
  | { readonly kind: 'conflict'; readonly task: Task; readonly field: 'task_id' | 'idempotency_key' };

export interface Submissions {
  submit(submission: NewTask): Promise<SubmitAnswer>;
  idle(): Promise<void>;
}

const maxBatch = 200;

interface Operation extends NewTask {
  readonly answer: (answer: SubmitAnswer) => void;
}

export function createSubmissions(database: LedgerDatabase): Submissions {
  const commits = createGroupCommit<Operation>({
    commit: (batch) => inTransaction(database, (transaction) => record(database.statements, transaction, batch)),
    isCommon: (error) => error instanceof LedgerUnavailable,
    maxBatch,
    bytesOf: ({ payload }) => Buffer.byteLength(payload),
    maxBatchBytes,
  });
  return {
    async submit(submission) {
      let answer: SubmitAnswer | undefined;
      await commits.submit({
        ...submission,
        answer: (given) => {
          answer = given;
        },
      });
      if (!answer) throw new Error(`the ledger gave no answer for task ${submission.task.id}: this is a defect`);
      return answer;
    },
    idle: commits.idle,
  };
}

async function record(
  statements: BatchStatements,
  transaction: Transaction<Tables>,
  batch: readonly Operation[],
): Promise<void> {
  const inserted = await insertNew(statements, transaction, batch);
  const others: Operation[] = [];
  for (const operation of batch) {
    // An id stands in `inserted` once; a second submission of it in the same batch is a duplicate like any other.
    if (inserted.delete(operation.task.id)) operation.answer({ kind: 'recorded', task: operation.task });
    else others.push(operation);
  }
  if (others.length > 0) await answerKnown(transaction, others);
}

async function insertNew(
  statements: BatchStatements,
  transaction: Transaction<Tables>,
  batch: readonly Operation[],
): Promise<Set<string>> {
  const first = new Map<string, Operation>();
  for (const operation of batch) if (!first.has(operation.task.id)) first.set(operation.task.id, operation);
  const ids = await statements.insertTasks(
    transaction,
    [...first.values()].map(({ task }) => rowFrom(task)),
  );
  const inputs = [...first.values()].filter(({ task }) => ids.has(task.id));
  if (inputs.length > 0) {
    await statements.insertInputs(
      transaction,
      inputs.map(({ task, payload }) => ({ task_id: task.id, payload })),
    );
  }
  return ids;
}

async function answerKnown(transaction: Transaction<Tables>, operations: readonly Operation[]): Promise<void> {
  const ids = operations.map(({ task }) => task.id);
  const keys = operations.flatMap(({ task }) => (task.idempotencyKey === null ? [] : [task.idempotencyKey]));
  const rows = await transaction
    .selectFrom('tasks')
    .selectAll()
    .where((where) =>
      where.or([where('id', 'in', ids), ...(keys.length > 0 ? [where('idempotency_key', 'in', keys)] : [])]),
    )
    .execute();
  const known = rows.map(taskFrom);
  const duplicated: string[] = [];
  for (const { task, answer } of operations) {
    const verdict = compare(task, known);
    if (verdict.kind === 'duplicate') duplicated.push(verdict.task.id);
    answer(verdict);
  }
  await countDuplicates(transaction, duplicated);
}

/** An id is the stronger word: the same id under another key, or the same key under another id, must agree in content. */
function compare(task: Task, known: readonly Task[]): SubmitAnswer {
  const sameId = known.find(({ id }) => id === task.id);
  const same = sameId ?? known.find((other) => hasKeyOf(task, other));
  // Its place in the batch went to another submission of its id, which then yielded to the owner of a key: with the batch
  // taken apart, each is tried on its own.
  if (!same) throw new Error(`task ${task.id} was neither recorded nor found`);
  if (same.fingerprint === task.fingerprint) return { kind: 'duplicate', task: same };
  return { kind: 'conflict', task: same, field: sameId ? 'task_id' : 'idempotency_key' };
}

/** Tasks without a key have nothing in common. */
function hasKeyOf({ idempotencyKey, tenant }: Task, other: Task): boolean {
  return idempotencyKey !== null && idempotencyKey === other.idempotencyKey && tenant === other.tenant;
}

async function countDuplicates(transaction: Transaction<Tables>, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await transaction
      .updateTable('tasks')
      .set((expression) => ({ duplicates: expression('duplicates', '+', 1) }))
      .where('id', '=', id)
      .execute();
  }
}
