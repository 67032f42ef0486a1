import type { TaskState } from '@warren/tasks';
import { type ExpressionBuilder, type SqlBool, sql } from 'kysely';
import type { LedgerDatabase } from './database.js';
import { untoldLetterStates } from './letter.js';
import { taskFrom } from './rows.js';
import type { Tables } from './schema.js';
import type { Task } from './task.js';
import { persistently } from './transactions.js';

/** What the sweeper looks for. Finding changes nothing: it publishes, and says so with `published`. */
export interface Sweeps {
  /** Tasks whose publish has been owed since before `dispatchedBefore`, oldest first; those behind `after`, if given. */
  owed(dispatchedBefore: number, limit: number, after?: Task): Promise<readonly Task[]>;
  /** How many publishes are owed: the outbox's depth. */
  owedCount(): Promise<number>;
  /**
   * Tasks of a type that have been waiting for the broker since before `quietSince`: published, due, and not claimed; or
   * claimed under a lease that ran out before then. Their message is in the type's queue, or it is lost. A task that was
   * given back is {@link owed} first, and waits once that is paid. Longest published first; those behind `after`, if
   * given, whatever has become of it and of those before it.
   */
  waiting(type: string, quietSince: number, limit: number, after?: Task): Promise<readonly Task[]>;
  /** The types, known or not, of which there is a task that {@link waiting} would find. */
  waitingTypes(quietSince: number): Promise<readonly string[]>;
  /**
   * Dead-lettered tasks whose letter was published before `quietSince` and not decided. Longest published first; those
   * behind `after`, if given.
   */
  undecided(quietSince: number, limit: number, after?: Task): Promise<readonly Task[]>;
  /**
   * Looks at tasks that have been parked since before `quietSince`, so many of them, longest parked first, behind `after`
   * if given: those whose letter does not say so.
   */
  untold(quietSince: number, limit: number, after?: TaskPlace): Promise<UntoldTasks>;
  /**
   * A time after which the message of some claimed task of one of these priorities entered the queue: the newest such,
   * null if there is none after `since`. A queue serves higher priorities first, and one priority in order, so whatever
   * entered it long before and still waits has lost its message. Only first dispatches without a delay are asked, by the
   * time of their submission: a later publish of a task (a replay, the sweeper's own copy) does not say under which message
   * it was claimed. A task that was claimed before it was submitted proves a submitter's clock wrong, and no more.
   */
  newestClaimed(type: string, priorities: PriorityRange, since: number): Promise<number | null>;
  /**
   * The same of letters, whose queue has no priorities: a time after which some letter was published that has been decided
   * by now; null if there is none after `since`. Only letters of failed attempts are asked, by the time of the failure.
   */
  newestDecided(since: number): Promise<number | null>;
}

/** A task's place in the order of its dispatch. */
export type TaskPlace = Pick<Task, 'id' | 'dispatchedAt'>;

export interface UntoldTasks {
  readonly tasks: readonly Task[];
  /** The last one that was looked at; undefined when there is none behind it. */
  readonly last: TaskPlace | undefined;
}

/** From the lowest to the highest, both included. */
export interface PriorityRange {
  readonly from: number;
  readonly to: number;
}

const waitingStates: readonly TaskState[] = ['queued', 'scheduled', 'snoozed', 'retry-scheduled'];
/** A task in one of these was claimed in its present dispatch. */
const claimedStates: readonly TaskState[] = ['running', 'completed'];

export function createSweeps(database: LedgerDatabase): Sweeps {
  return {
    async owed(dispatchedBefore, limit, after) {
      const rows = await persistently(database, (db) =>
        db
          .selectFrom('tasks')
          .selectAll()
          .where('owed', 'is not', null)
          .where('dispatched_at', '<=', dispatchedBefore)
          .where(isBehind('dispatched_at', after?.dispatchedAt, after))
          .orderBy('dispatched_at')
          .orderBy('id')
          .limit(limit)
          .execute(),
      );
      return rows.map(taskFrom);
    },
    async owedCount() {
      const row = await persistently(database, (db) =>
        db
          .selectFrom('tasks')
          .select((expression) => expression.fn.countAll<number>().as('count'))
          .where('owed', 'is not', null)
          .executeTakeFirst(),
      );
      return Number(row?.count ?? 0);
    },
    async waiting(type, quietSince, limit, after) {
      const rows = await persistently(database, (db) =>
        db
          .selectFrom('tasks')
          .selectAll()
          .where('type', '=', type)
          .where(isWaitingSince(quietSince))
          .where(isBehind('published_at', after?.publishedAt, after))
          .orderBy('published_at')
          .orderBy('id')
          .limit(limit)
          .execute(),
      );
      return rows.map(taskFrom);
    },
    async waitingTypes(quietSince) {
      const rows = await persistently(database, (db) =>
        db.selectFrom('tasks').select('type').distinct().where(isWaitingSince(quietSince)).orderBy('type').execute(),
      );
      return rows.map(({ type }) => type);
    },
    async undecided(quietSince, limit, after) {
      const rows = await persistently(database, (db) =>
        db
          .selectFrom('tasks')
          .selectAll()
          .where('state', '=', 'dead-lettered')
          .where('published_at', '<=', quietSince)
          .where(isBehind('published_at', after?.publishedAt, after))
          .orderBy('published_at')
          .orderBy('id')
          .limit(limit)
          .execute(),
      );
      return rows.map(taskFrom);
    },
    async untold(quietSince, limit, after) {
      const parked = await persistently(database, (db) =>
        db
          .selectFrom((from) =>
            from
              .selectFrom('tasks')
              .select(['id', 'dispatched_at'])
              .where('state', '=', sql.lit('parked'))
              .where('dispatched_at', '<=', quietSince)
              .where(isBehind('dispatched_at', after?.dispatchedAt, after))
              .orderBy('dispatched_at')
              .orderBy('id')
              .limit(limit)
              .as('part'),
          )
          .select(['part.id', 'part.dispatched_at as dispatchedAt', hasUntoldLetter().as('untold')])
          .orderBy('part.dispatched_at')
          .orderBy('part.id')
          .execute(),
      );
      const ids = parked.filter(({ untold }) => untold).map(({ id }) => id);
      return { tasks: await tasksOf(database, ids), last: parked.length === limit ? parked.at(-1) : undefined };
    },
    async newestClaimed(type, { from, to }, since) {
      const row = await persistently(database, (db) =>
        db
          .selectFrom('tasks')
          .select('created_at')
          .where('created_at', '>', since)
          .where('type', '=', type)
          .where('priority', '>=', from)
          .where('priority', '<=', to)
          .where('state', 'in', claimedStates)
          .where('dispatch', '=', 1)
          .where('due_at', '=', 0)
          .whereRef('started_at', '>=', 'created_at')
          .orderBy('created_at', 'desc')
          .limit(1)
          .executeTakeFirst(),
      );
      return row?.created_at ?? null;
    },
    async newestDecided(since) {
      const row = await persistently(database, (db) =>
        db
          .selectFrom('dead_letters')
          .innerJoin('attempts', 'attempts.task_id', 'dead_letters.task_id')
          .select((expression) => expression.fn.max('attempts.ended_at').as('newest'))
          .where('dead_letters.state', '!=', 'received')
          .where('dead_letters.last_seen', '>', since)
          .where('attempts.outcome', '=', 'failed')
          .where('attempts.ended_at', '>', since)
          .where((where) => where('attempts.dispatch', '=', where('dead_letters.dispatch', '-', 1)))
          // As above: a letter that was met before it was written.
          .whereRef('attempts.ended_at', '<=', 'dead_letters.last_seen')
          .executeTakeFirst(),
      );
      return row?.newest ?? null;
    },
  };
}

/** Asked of each task of the part: a list of all such letters would be as long as that of all that ever failed. */
function hasUntoldLetter() {
  const states = sql.join(untoldLetterStates);
  return sql<SqlBool>`exists (select 1 from dead_letters where task_id = part.id and state in (${states}))`;
}

async function tasksOf(database: LedgerDatabase, ids: readonly string[]): Promise<readonly Task[]> {
  if (ids.length === 0) return [];
  const rows = await persistently(database, (db) =>
    db.selectFrom('tasks').selectAll().where('id', 'in', ids).where('state', '=', 'parked').execute(),
  );
  return rows.map(taskFrom);
}

/**
 * In the order by this time and the id, which is total: a part a round neither skips a task nor shows it twice, though
 * others leave meanwhile. Without a task to be behind, every one is.
 */
function isBehind(
  column: 'dispatched_at' | 'published_at',
  at: number | null | undefined,
  after: Pick<Task, 'id'> | undefined,
) {
  return (where: ExpressionBuilder<Tables, 'tasks'>) =>
    after === undefined ? where.lit(true) : where(where.refTuple(column, 'id'), '>', where.tuple(at ?? 0, after.id));
}

/** Published and due, nothing owed, and not claimed; or claimed under a lease that ran out. */
function isWaitingSince(quietSince: number) {
  return (where: ExpressionBuilder<Tables, 'tasks'>) =>
    where.and([
      where('published_at', '<=', quietSince),
      where.or([
        where.and([
          where('state', 'in', waitingStates),
          where('owed', 'is', null),
          where('due_at', '<=', quietSince),
          // Later than the publish where a worker gave the task back: another message is on its way since.
          where('dispatched_at', '<=', quietSince),
        ]),
        where.and([where('state', '=', 'running'), where('lease_until', '<=', quietSince)]),
      ]),
    ]);
}
