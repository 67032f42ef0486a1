import type { Transaction } from 'kysely';
import type { BatchStatements, EndedRun, TaskChange } from './batch-statements.js';
import type { LedgerDatabase } from './database.js';
import { LedgerUnavailable } from './failures.js';
import { createGroupCommit, type GroupCommit, maxBatchBytes } from './group-commit.js';
import { recordHandActs } from './hand-acts.js';
import { rowFrom, storable, taskFrom } from './rows.js';
import type { AttemptRow, Tables } from './schema.js';
import type { AttemptRun, Decision, Effect, Task } from './task.js';
import { inTransaction } from './transactions.js';

/** Most operations in one commit. */
const maxBatch = 200;

/** Runs decisions over tasks, many in one transaction; every task's row is held while its decision is made and written. */
export interface Transitions {
  /** `result`: what the decision will write, if it has one; a batch takes only so much of it. */
  apply<Answer>(
    taskId: string,
    decide: (task: Task | undefined) => Decision<Answer>,
    result?: string | null,
  ): Promise<Answer>;
  /** What may wait a moment, and need not happen at all where somebody noted the publish in the meantime. */
  note(taskId: string, decide: (task: Task) => Decision<unknown>): Promise<void>;
  idle(): Promise<void>;
}

/** How long notes are collected, in milliseconds: by then most tasks have been claimed, and need none. */
const noteLingerMs = 500;

interface Operation {
  readonly taskId: string;
  /** Decides on the row as it is now, keeps the answer for later, and hands out what is to be written. */
  readonly decide: (task: Task | undefined) => Omit<Decision<unknown>, 'answer'>;
  /** Of the result that it may write: whatever else is written is small. */
  readonly bytes: number;
}

interface Write {
  readonly taskId: string;
  readonly effect: Effect;
}

export function createTransitions(database: LedgerDatabase): Transitions {
  const moves = groupCommit(database, 'lock', 0);
  const notes = groupCommit(database, 'lockOwing', noteLingerMs);

  return {
    async apply(taskId, decide, result) {
      let answer: { value: ReturnType<typeof decide>['answer'] } | undefined;
      await moves.submit({
        taskId,
        decide: (task) => {
          const decision = decide(task);
          answer = { value: decision.answer };
          return decision;
        },
        bytes: Buffer.byteLength(result ?? ''),
      });
      if (!answer) throw new Error(`the ledger committed no decision for task ${taskId}: this is a defect`);
      return answer.value;
    },
    note: (taskId, decide) =>
      notes.submit({ taskId, decide: (task) => (task ? decide(task) : { forgettable: true }), bytes: 0 }),
    async idle() {
      await Promise.all([moves.idle(), notes.idle()]);
    },
  };
}

function groupCommit(database: LedgerDatabase, lock: Lock, lingerMs: number): GroupCommit<Operation> {
  return createGroupCommit<Operation>({
    async commit(batch) {
      await inTransaction(
        database,
        (transaction) => runBatch(database, transaction, lock, batch),
        (isForgettable) => isForgettable,
      );
    },
    isCommon: (error) => error instanceof LedgerUnavailable,
    maxBatch,
    bytesOf: ({ bytes }) => bytes,
    maxBatchBytes,
    lingerMs,
  });
}

/** Whose rows a batch needs: of all its tasks, or only of those that owe a publish. */
type Lock = 'lock' | 'lockOwing';

/** Answers whether every decision of the batch may be taken back by a power cut. */
async function runBatch(
  { statements }: LedgerDatabase,
  transaction: Transaction<Tables>,
  lock: Lock,
  batch: readonly Operation[],
): Promise<boolean> {
  const ids = [...new Set(batch.map(({ taskId }) => taskId))];
  const before = new Map((await statements[lock](transaction, ids)).map((row) => [row.id, row]));
  const tasks = new Map<string, Task>();
  for (const row of before.values()) tasks.set(row.id, taskFrom(row));
  const changed = new Set<string>();
  const writes: Write[] = [];
  let isForgettable = true;
  for (const { taskId, decide } of batch) {
    const task = tasks.get(taskId);
    const { patch, effects = [], forgettable = false } = decide(task);
    isForgettable &&= forgettable;
    if (task && patch) {
      tasks.set(taskId, { ...task, ...patch });
      changed.add(taskId);
    }
    for (const effect of effects) writes.push({ taskId, effect });
  }
  const changes = [...changed].flatMap((id): TaskChange[] => {
    const [row, task] = [before.get(id), tasks.get(id)];
    return row && task ? [{ before: row, after: rowFrom(task) }] : [];
  });
  if (changes.length > 0) await statements.updateTasks(transaction, changes);
  if (writes.length > 0) await writeEffects(statements, transaction, writes);
  return isForgettable;
}

async function writeEffects(
  statements: BatchStatements,
  transaction: Transaction<Tables>,
  writes: readonly Write[],
): Promise<void> {
  const started = writes.flatMap(({ effect }) => (effect.kind === 'run-started' ? [startedRow(effect.run)] : []));
  if (started.length > 0) await statements.insertRuns(transaction, started);
  // The last word on a run counts.
  const ended = new Map(
    writes.flatMap(({ effect, taskId }) =>
      effect.kind === 'run-ended' ? [[`${taskId} ${effect.token}`, endedRow(taskId, effect)] as const] : [],
    ),
  );
  if (ended.size > 0) await statements.endRuns(transaction, [...ended.values()]);
  await recordHandActs(
    transaction,
    writes.flatMap(({ effect, taskId }) =>
      effect.kind === 'by-hand' ? [{ act: effect.act, subject: { taskId } }] : [],
    ),
  );
  const results = writes.flatMap(({ effect, taskId }) =>
    effect.kind === 'result'
      ? [{ task_id: taskId, result: effect.result, cost: effect.cost, completed_at: effect.at }]
      : [],
  );
  if (results.length > 0) await statements.insertResults(transaction, results);
}

function startedRow(run: AttemptRun): AttemptRow {
  return {
    task_id: run.taskId,
    token: run.token,
    attempt: run.attempt,
    dispatch: run.dispatch,
    worker: run.worker,
    started_at: run.startedAt,
    ended_at: null,
    outcome: run.outcome,
    code: null,
    error: null,
    stack: null,
    retry_after_ms: null,
  };
}

function endedRow(taskId: string, { at, failure, outcome, token }: Effect & { kind: 'run-ended' }): EndedRun {
  return {
    task_id: taskId,
    token,
    ended_at: at,
    outcome,
    code: failure?.code ?? null,
    error: nullable(failure?.message),
    stack: nullable(failure?.stack),
    retry_after_ms: wholeMs(failure?.retryAfterMs),
  };
}

/** What another party asked for may be any number; a wait that means nothing is none. */
function wholeMs(ms: number | undefined): number | null {
  return ms === undefined || !(ms > 0) ? null : Math.min(Math.ceil(ms), Number.MAX_SAFE_INTEGER);
}

function nullable(text: string | undefined): string | null {
  return text === undefined ? null : storable(text);
}
