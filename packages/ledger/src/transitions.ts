import { sql, type Transaction } from 'kysely';
import type { LedgerDatabase } from './database.js';
import { LedgerUnavailable } from './failures.js';
import { createGroupCommit } from './group-commit.js';
import { rowFrom, storable, taskFrom } from './rows.js';
import type { Tables, TaskRow } from './schema.js';
import type { Decision, Effect, Task } from './task.js';
import { inTransaction } from './transactions.js';

/** Most operations in one commit; keeps a statement's parameters far below every database's limit. */
const maxBatch = 200;

/** Runs decisions over tasks, many in one transaction; every task's row is held while its decision is made and written. */
export interface Transitions {
  apply<Answer>(taskId: string, decide: (task: Task | undefined) => Decision<Answer>): Promise<Answer>;
  idle(): Promise<void>;
}

interface Operation {
  readonly taskId: string;
  /** Decides on the row as it is now, keeps the answer for later, and hands out what is to be written. */
  readonly decide: (task: Task | undefined) => Pick<Decision<unknown>, 'patch' | 'effects'>;
}

interface Write {
  readonly taskId: string;
  readonly effect: Effect;
}

export function createTransitions(database: LedgerDatabase): Transitions {
  const commits = createGroupCommit<Operation>({
    commit: (batch) => inTransaction(database, (transaction) => runBatch(database, transaction, batch)),
    isCommon: (error) => error instanceof LedgerUnavailable,
    maxBatch,
  });

  return {
    async apply(taskId, decide) {
      let answer: { value: ReturnType<typeof decide>['answer'] } | undefined;
      await commits.submit({
        taskId,
        decide: (task) => {
          const decision = decide(task);
          answer = { value: decision.answer };
          return decision;
        },
      });
      if (!answer) throw new Error(`the ledger committed no decision for task ${taskId}: this is a defect`);
      return answer.value;
    },
    idle: commits.idle,
  };
}

async function runBatch(
  database: LedgerDatabase,
  transaction: Transaction<Tables>,
  batch: readonly Operation[],
): Promise<void> {
  const tasks = await lockTasks(database, transaction, batch);
  const changed = new Map<string, Task>();
  const writes: Write[] = [];
  for (const { taskId, decide } of batch) {
    const task = tasks.get(taskId);
    const { patch, effects = [] } = decide(task);
    if (task && patch) {
      const next = { ...task, ...patch };
      tasks.set(taskId, next);
      changed.set(taskId, next);
    }
    for (const effect of effects) writes.push({ taskId, effect });
  }
  await writeTasks(transaction, [...changed.values()]);
  await writeEffects(transaction, writes);
}

async function lockTasks(
  { kind }: LedgerDatabase,
  transaction: Transaction<Tables>,
  batch: readonly Operation[],
): Promise<Map<string, Task>> {
  const ids = [...new Set(batch.map(({ taskId }) => taskId))];
  // In one order for everybody, so that two batches can't wait for each other's rows.
  const select = transaction.selectFrom('tasks').selectAll().where('id', 'in', ids).orderBy('id');
  const rows = await (kind === 'postgres' ? select.forUpdate() : select).execute();
  return new Map(rows.map((row) => [row.id, taskFrom(row)]));
}

/** What never changes after the submission; everything else in a row may. */
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

/** One statement for the whole batch: both databases know `insert … on conflict do update`. */
async function writeTasks(transaction: Transaction<Tables>, tasks: readonly Task[]): Promise<void> {
  const rows = tasks.map(rowFrom);
  const [first] = rows;
  if (!first) return;
  const columns = Object.keys(first).filter((column) => !fixedColumns.has(column));
  await transaction
    .insertInto('tasks')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet(Object.fromEntries(columns.map((column) => [column, sql.ref(`excluded.${column}`)]))),
    )
    .execute();
}

async function writeEffects(transaction: Transaction<Tables>, writes: readonly Write[]): Promise<void> {
  const started = writes.flatMap(({ effect }) => (effect.kind === 'run-started' ? [effect.run] : []));
  const results = writes.flatMap(({ effect, taskId }) => (effect.kind === 'result' ? [{ taskId, ...effect }] : []));
  if (started.length > 0) {
    await transaction
      .insertInto('attempts')
      .values(
        started.map((run) => ({
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
        })),
      )
      .execute();
  }
  await endRuns(transaction, writes);
  if (results.length > 0) {
    await transaction
      .insertInto('results')
      .values(results.map(({ taskId, result, cost, at }) => ({ task_id: taskId, result, cost, completed_at: at })))
      .execute();
  }
}

/** All ended runs in one statement; the casts tell Postgres the types that bare parameters lack. */
async function endRuns(transaction: Transaction<Tables>, writes: readonly Write[]): Promise<void> {
  const ended = writes.flatMap(({ effect, taskId }) => (effect.kind === 'run-ended' ? [{ taskId, ...effect }] : []));
  if (ended.length === 0) return;
  // The last word on a run counts: two rows for it in one statement would leave the choice to the database.
  const last = new Map(ended.map((end) => [`${end.taskId} ${end.token}`, end]));
  const rows = [...last.values()].map(
    ({ taskId, token, at, outcome, failure }) =>
      sql`(${taskId}, ${token}, ${at}, ${outcome}, ${failure?.code ?? null}, ${nullable(failure?.message)}, ${nullable(failure?.stack)}, ${wholeMs(failure?.retryAfterMs)})`,
  );
  await sql`
    with ended (task_id, token, ended_at, outcome, code, error, stack, retry_after_ms) as (values ${sql.join(rows)})
    update attempts
    set ended_at = cast(ended.ended_at as bigint), outcome = cast(ended.outcome as text),
        code = cast(ended.code as text), error = cast(ended.error as text), stack = cast(ended.stack as text),
        retry_after_ms = cast(ended.retry_after_ms as bigint)
    from ended
    where attempts.task_id = cast(ended.task_id as text) and attempts.token = cast(ended.token as integer)
  `.execute(transaction);
}

/** What another party asked for may be any number; a wait that means nothing is none. */
function wholeMs(ms: number | undefined): number | null {
  return ms === undefined || !(ms > 0) ? null : Math.min(Math.ceil(ms), Number.MAX_SAFE_INTEGER);
}

function nullable(text: string | undefined): string | null {
  return text === undefined ? null : storable(text);
}
