import type { ReasonCode, TaskState } from '@warren/tasks';
import type { LedgerDatabase } from './database.js';
import type { HandAct } from './hand-act.js';
import { handActsOn } from './hand-acts.js';
import { runFrom, taskFrom } from './rows.js';
import type { AttemptRun, Task } from './task.js';
import { persistently } from './transactions.js';

export interface TaskFilter {
  readonly states?: readonly TaskState[];
  /** Of each list, any one. */
  readonly types?: readonly string[];
  readonly codes?: readonly ReasonCode[];
  readonly tenants?: readonly string[];
  readonly groups?: readonly string[];
  /** Only tasks created at or before this time. */
  readonly createdBefore?: number;
  readonly createdSince?: number;
  readonly idempotencyKey?: string;
  /** At most this many, newest first. */
  readonly limit: number;
  /** Only those behind this task in the order, which never changes: what is submitted meanwhile shifts no page. */
  readonly after?: Pick<Task, 'id' | 'createdAt'>;
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
  /** What people did about it: oldest first, the newest 200. */
  actsByHand(id: string): Promise<readonly HandAct[]>;
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
    actsByHand: (id) => handActsOn(database, { taskId: id }),
  };
}

async function tasks(database: LedgerDatabase, filter: TaskFilter): Promise<readonly Task[]> {
  const rows = await persistently(database, (db) => {
    let query = db.selectFrom('tasks').selectAll();
    if (filter.states) query = query.where('state', 'in', filter.states);
    if (filter.types) query = query.where('type', 'in', filter.types);
    if (filter.codes) query = query.where('reason_code', 'in', filter.codes);
    if (filter.tenants) query = query.where('tenant', 'in', filter.tenants);
    if (filter.groups) query = query.where('task_group', 'in', filter.groups);
    if (filter.createdBefore !== undefined) query = query.where('created_at', '<=', filter.createdBefore);
    if (filter.createdSince !== undefined) query = query.where('created_at', '>=', filter.createdSince);
    if (filter.idempotencyKey !== undefined) query = query.where('idempotency_key', '=', filter.idempotencyKey);
    const { after } = filter;
    if (after !== undefined) {
      query = query.where((where) =>
        where.or([
          where('created_at', '<', after.createdAt),
          where.and([where('created_at', '=', after.createdAt), where('id', '<', after.id)]),
        ]),
      );
    }
    return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(filter.limit).execute();
  });
  return rows.map(taskFrom);
}
