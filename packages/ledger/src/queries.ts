import type { ReasonCode, TaskState } from '@warren/tasks';
import type { LedgerDatabase } from './database.js';
import { runFrom, taskFrom } from './rows.js';
import type { AttemptRun, Task } from './task.js';
import { persistently } from './transactions.js';

export interface TaskFilter {
  readonly states?: readonly TaskState[];
  readonly type?: string;
  readonly code?: ReasonCode;
  readonly tenant?: string;
  /** Only tasks created at or before this time. */
  readonly createdBefore?: number;
  readonly createdSince?: number;
  readonly idempotencyKey?: string;
  /** At most this many, newest first. */
  readonly limit: number;
  readonly offset?: number;
}

export interface TaskResult {
  /** JSON. */
  readonly result: string;
  /** JSON: amounts by unit. */
  readonly cost: string | null;
  readonly completedAt: number;
}

/** Reading the record; nothing here changes a task. */
export interface Queries {
  task(id: string): Promise<Task | undefined>;
  tasks(filter: TaskFilter): Promise<readonly Task[]>;
  /** How many tasks there are in each state. */
  count(filter?: Pick<TaskFilter, 'createdSince'>): Promise<Partial<Record<TaskState, number>>>;
  /** The input's JSON as submitted. */
  payload(id: string): Promise<string | undefined>;
  /** Every run of every attempt, oldest first, the newest 200. */
  runs(id: string): Promise<readonly AttemptRun[]>;
  result(id: string): Promise<TaskResult | undefined>;
}

const maxRuns = 200;

export function createQueries(database: LedgerDatabase): Queries {
  return {
    async task(id) {
      const row = await persistently(database, (db) =>
        db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst(),
      );
      return row && taskFrom(row);
    },
    tasks: (filter) => tasks(database, filter),
    async count(filter = {}) {
      const rows = await persistently(database, (db) => {
        const query = db
          .selectFrom('tasks')
          .select(['state', (expression) => expression.fn.countAll<number>().as('count')])
          .groupBy('state');
        return (
          filter.createdSince === undefined ? query : query.where('created_at', '>=', filter.createdSince)
        ).execute();
      });
      return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
    },
    async payload(id) {
      const row = await persistently(database, (db) =>
        db.selectFrom('inputs').select('payload').where('task_id', '=', id).executeTakeFirst(),
      );
      return row?.payload;
    },
    async runs(id) {
      const rows = await persistently(database, (db) =>
        db
          .selectFrom('attempts')
          .selectAll()
          .where('task_id', '=', id)
          .orderBy('token', 'desc')
          .limit(maxRuns)
          .execute(),
      );
      return rows.reverse().map(runFrom);
    },
    async result(id) {
      const row = await persistently(database, (db) =>
        db.selectFrom('results').selectAll().where('task_id', '=', id).executeTakeFirst(),
      );
      return row && { result: row.result, cost: row.cost, completedAt: row.completed_at };
    },
  };
}

async function tasks(database: LedgerDatabase, filter: TaskFilter): Promise<readonly Task[]> {
  const rows = await persistently(database, (db) => {
    let query = db.selectFrom('tasks').selectAll();
    if (filter.states) query = query.where('state', 'in', filter.states);
    if (filter.type !== undefined) query = query.where('type', '=', filter.type);
    if (filter.code !== undefined) query = query.where('reason_code', '=', filter.code);
    if (filter.tenant !== undefined) query = query.where('tenant', '=', filter.tenant);
    if (filter.createdBefore !== undefined) query = query.where('created_at', '<=', filter.createdBefore);
    if (filter.createdSince !== undefined) query = query.where('created_at', '>=', filter.createdSince);
    if (filter.idempotencyKey !== undefined) query = query.where('idempotency_key', '=', filter.idempotencyKey);
    return query
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(filter.limit)
      .offset(filter.offset ?? 0)
      .execute();
  });
  return rows.map(taskFrom);
}
