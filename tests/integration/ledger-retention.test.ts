import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createRetention,
  defaultRetentionSettings,
  type RetentionParts,
  type RetentionSettings,
} from '@warren/dead-letters';
import {
  type Ledger,
  type NewLetter,
  type Pruned,
  type RetentionLimits,
  retentionRules,
  type Task,
} from '@warren/ledger';
import { openStates } from '@warren/tasks';
import { sql } from 'kysely';
import { pino } from 'pino';
import { type LedgerDatabase, openDatabase } from '../../packages/ledger/src/database.js';
import { letterStates } from '../../packages/ledger/src/letter.js';
import { rowFrom } from '../../packages/ledger/src/rows.js';
import type { Tables } from '../../packages/ledger/src/schema.js';
import { newLetter } from '../fixtures/letter.js';
import { newTask } from '../fixtures/task.js';
import { claimRun, type LedgerHome, ledgerKinds } from './support/ledger.js';
import { until } from './support/until.js';

const now = 1_800_000_000_000;
const dayMs = 86_400_000;
const longAgo = now - 365 * dayMs;
const forEver: RetentionLimits = { completedMs: 0, cancelledMs: 0, lettersMs: 0, maxTasks: 0, maxLetters: 0 };
const silent = pino({ level: 'silent' });

describe.each(ledgerKinds)('retention on $kind', ({ kind, makeHome }) => {
  let home: LedgerHome;
  let ledger: Ledger;
  let raw: LedgerDatabase;

  beforeAll(async () => {
    home = await makeHome();
    ledger = await home.open();
    raw = openDatabase(home.url);
  }, 60_000);

  afterEach(async () => {
    for (const table of ['dead_letters', 'tasks', 'named_leases'] as const) await raw.db.deleteFrom(table).execute();
  });

  afterAll(async () => {
    await raw.db.destroy();
    await home.dispose();
  }, 60_000);

  /** A task with an input, and as many runs as are wanted; with a result where it is completed. */
  async function put(change: Partial<Task>, runs = 1): Promise<string> {
    const id = randomUUID();
    await putMany([{ id, change, runs }]);
    return id;
  }

  async function putMany(many: readonly { id: string; change: Partial<Task>; runs: number }[]): Promise<void> {
    await raw.db.transaction().execute(async (transaction) => {
      const rows = many.map(({ change, id }) => rowFrom({ ...newTask(id), owed: null, ...change }));
      await transaction.insertInto('tasks').values(rows).execute();
      await transaction
        .insertInto('inputs')
        .values(many.map(({ id }) => ({ task_id: id, payload: '{}' })))
        .execute();
      const results = many.flatMap(({ change, id }) =>
        change.state === 'completed' ? [{ task_id: id, result: '{}', cost: null, completed_at: now }] : [],
      );
      if (results.length > 0) await transaction.insertInto('results').values(results).execute();
      const attempts = many.flatMap(({ id, runs }) =>
        Array.from({ length: runs }, (_, index) => attempt(id, index + 1)),
      );
      for (let at = 0; at < attempts.length; at += 1_000) {
        await transaction
          .insertInto('attempts')
          .values(attempts.slice(at, at + 1_000))
          .execute();
      }
    });
  }

  function attempt(id: string, token: number): Tables['attempts'] {
    return {
      task_id: id,
      token,
      attempt: token,
      dispatch: token,
      worker: 'w',
      started_at: longAgo,
      ended_at: longAgo,
      outcome: 'failed',
      code: null,
      error: null,
      stack: null,
      retry_after_ms: null,
    };
  }

  async function putLetter(state: string, change: Partial<NewLetter> = {}, seen = longAgo): Promise<string> {
    const letter = newLetter({ dispatch: change.taskId ? 1 : null, ...change });
    const { id } = (await ledger.letters.receive(letter, seen)).letter;
    if (state !== 'received') {
      const decided = letterStates.find((known) => known !== 'received' && known === state);
      if (decided === undefined || decided === 'received') throw new Error(`no such state: ${state}`);
      expect(await ledger.letters.decide(id, { state: decided }, seen)).toBe(true);
    }
    return id;
  }

  async function rowsIn(table: keyof Tables): Promise<number> {
    const { rows } = await sql<{ rows: number }>`select count(*) as rows from ${sql.table(table)}`.execute(raw.db);
    return Number(rows[0]?.rows);
  }

  async function allRows(): Promise<number> {
    let all = 0;
    for (const table of ['tasks', 'inputs', 'results', 'attempts', 'dead_letters', 'acts_by_hand'] as const) {
      all += await rowsIn(table);
    }
    return all;
  }

  const ids = async (table: 'tasks' | 'dead_letters') =>
    (await raw.db.selectFrom(table).select('id').execute()).map(({ id }) => id).toSorted();

  function retention(settings: Partial<RetentionSettings>, parts: Partial<RetentionParts> = {}) {
    return createRetention({
      ledger,
      owner: 'one',
      settings: { ...defaultRetentionSettings, ...forEver, pauseMs: 0, ...settings },
      now: () => now,
      log: silent,
      ...parts,
    });
  }

  const never = new AbortController().signal;
  const prune = (settings: Partial<RetentionSettings>) => retention(settings).pruneOnce(never);

  describe('of tasks', () => {
    it('lets a task go with all that is on record about it, once it was kept for long enough', async () => {
      const old = { finishedAt: now - 7 * dayMs - 1 };
      const gone = await put({ state: 'completed', ...old }, 3);
      await putLetter('replayed', { taskId: gone });
      const stays = await put({ state: 'completed', finishedAt: now - 7 * dayMs }, 2);
      const cancelled = await put({ state: 'cancelled', ...old });

      const report = await prune({ completedMs: 7 * dayMs, cancelledMs: 30 * dayMs });

      expect(report).toEqual({ active: true, tasks: 1, attempts: 3, letters: 1, more: false });
      expect(await ids('tasks')).toEqual([stays, cancelled].toSorted());
      expect([await rowsIn('inputs'), await rowsIn('results')]).toEqual([2, 1]);
      expect([await rowsIn('attempts'), await rowsIn('dead_letters')]).toEqual([3, 0]);
    });

    it('lets cancelled and discarded ones go by a limit of their own', async () => {
      const finishedAt = now - 30 * dayMs - 1;
      await put({ state: 'cancelled', finishedAt });
      await put({ state: 'discarded', finishedAt });
      const completed = await put({ state: 'completed', finishedAt });

      expect(await prune({ cancelledMs: 30 * dayMs })).toMatchObject({ tasks: 2 });

      expect(await ids('tasks')).toEqual([completed]);
    });

    it('never touches one that is not final, however old', async () => {
      for (const state of openStates) await put({ state, createdAt: longAgo, updatedAt: longAgo, finishedAt: longAgo });

      await prune({ completedMs: 1, cancelledMs: 1, lettersMs: 1, maxTasks: 1, maxLetters: 1 });

      expect(await rowsIn('tasks')).toBe(openStates.length);
      expect(await rowsIn('attempts')).toBe(openStates.length);
    });

    it('keeps the newest so many of each final state, of one millisecond too', async () => {
      const times = [now - 3, now - 2, now - 2, now - 2, now - 1];
      for (const finishedAt of times) await put({ state: 'completed', finishedAt });
      for (const finishedAt of times) await put({ state: 'cancelled', finishedAt });

      expect(await prune({ maxTasks: 3 })).toMatchObject({ tasks: 4 });

      const left = await raw.db.selectFrom('tasks').select(['state', 'finished_at']).orderBy('finished_at').execute();
      const leftOf = (wanted: string) => left.flatMap(({ state, finished_at: at }) => (state === wanted ? [at] : []));
      expect(leftOf('completed')).toEqual([now - 2, now - 2, now - 1]);
      expect(leftOf('cancelled')).toEqual([now - 2, now - 2, now - 1]);
      expect(await prune({ maxTasks: 3 })).toMatchObject({ tasks: 0 });
    });

    it('takes whichever lets more go: age or number', async () => {
      for (const ago of [1, 2, 3, 40, 50]) await put({ state: 'completed', finishedAt: now - ago * dayMs });
      const left = async () => (await ids('tasks')).length;

      await prune({ completedMs: 30 * dayMs, maxTasks: 4 });
      expect(await left()).toBe(3);
      await prune({ completedMs: 30 * dayMs, maxTasks: 2 });
      expect(await left()).toBe(2);
    });

    it('lets nothing go where every limit is 0', async () => {
      await put({ state: 'completed', finishedAt: longAgo });
      await putLetter('cancelled');

      expect(await prune({})).toEqual({ active: true, tasks: 0, attempts: 0, letters: 0, more: false });
    });

    it('forgets the idempotency key with its task: the same key is another task then', async () => {
      const keyed = { idempotencyKey: 'once', tenant: 'acme', fingerprint: 'same' };
      await put({ state: 'completed', finishedAt: longAgo, ...keyed });
      const again = () => ledger.submit({ task: newTask(randomUUID(), keyed), payload: '{}' });
      expect(await again()).toMatchObject({ kind: 'duplicate' });

      await prune({ completedMs: dayMs });

      expect(await again()).toMatchObject({ kind: 'recorded' });
    });
  });

  describe('of letters', () => {
    it('lets those go that nobody waits for any more, and never an open one', async () => {
      for (const state of letterStates) await putLetter(state);
      const young = await putLetter('cancelled', {}, now - 30 * dayMs);

      expect(await prune({ lettersMs: 30 * dayMs })).toMatchObject({ letters: 4 });

      const left = await raw.db.selectFrom('dead_letters').select(['id', 'state']).execute();
      const open = left.filter(({ id }) => id !== young).map(({ state }) => state);
      expect(open.toSorted()).toEqual(['parked', 'received', 'retrying']);
      expect(left).toHaveLength(4);
    });

    it('keeps the newest so many of each closed state', async () => {
      for (const seen of [1, 2, 3]) {
        await putLetter('cancelled', {}, now - seen);
        await putLetter('replayed', {}, now - seen);
        await putLetter('parked', {}, now - seen);
      }

      expect(await prune({ maxLetters: 1 })).toMatchObject({ letters: 4 });
    });

    it('keeps a closed one while its task goes on', async () => {
      const running = await put({ state: 'running' });
      const completed = await put({ state: 'completed', finishedAt: now });
      const kept = await putLetter('replayed', { taskId: running });
      await putLetter('replayed', { taskId: completed });

      await prune({ lettersMs: 30 * dayMs });

      expect(await ids('dead_letters')).toEqual([kept]);
      expect(await rowsIn('tasks')).toBe(2);
    });

    it('keeps a final task whose letter is open until that is settled', async () => {
      const task = await put({ state: 'completed', finishedAt: longAgo });
      await putLetter('received', { taskId: task });

      expect(await prune({ completedMs: dayMs })).toMatchObject({ tasks: 0, letters: 0 });
      await ledger.letters.settleFinished('received', now, 10);
      expect(await prune({ completedMs: dayMs })).toMatchObject({ tasks: 1, letters: 1 });
    });

    it('spares a letter that is met again in the very moment, and its task', async () => {
      const task = await put({ state: 'completed', finishedAt: longAgo });
      const ofTask = await putLetter('settled', { taskId: task });
      const alone = await putLetter('cancelled');
      const rules = retentionRules({ ...forEver, completedMs: dayMs, lettersMs: dayMs }, now);
      const pruning: Promise<Pruned>[] = [];

      await raw.db.transaction().execute(async (transaction) => {
        const open = { state: 'received', resolved_at: null } as const;
        await transaction.updateTable('dead_letters').set(open).where('id', 'in', [ofTask, alone]).execute();
        for (const rule of rules) pruning.push(ledger.prunes.next(rule, { at: now, id: '' }, 100));
        // By now they have looked, and saw what was before this transaction.
        if (kind === 'postgres') await until(isSomebodyWaiting);
        else await new Promise(setImmediate);
      });

      const pruned = await Promise.all(pruning);
      expect(pruned.every(({ letters, tasks }) => letters + tasks === 0)).toBe(true);
      expect(await ids('tasks')).toEqual([task]);
      expect(await ids('dead_letters')).toEqual([ofTask, alone].toSorted());
    });
  });

  /** Postgres: for a row that another transaction holds. */
  async function isSomebodyWaiting(): Promise<boolean> {
    const { rows } = await sql`
      select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
    `.execute(raw.db);
    return rows.length > 0;
  }

  describe('in batches', () => {
    it('never deletes more rows at once than it may, whatever hangs on a task', async () => {
      const maxRows = 50;
      await put({ state: 'completed', finishedAt: longAgo - 1 }, 333);
      for (let runs = 0; runs < 20; runs += 1) await put({ state: 'completed', finishedAt: longAgo + runs }, runs * 4);
      const [rule] = retentionRules({ ...forEver, completedMs: dayMs }, now);
      if (rule === undefined) throw new Error('no rule');
      const last = await ledger.prunes.last(rule);
      if (last === undefined) throw new Error('nothing may go');

      const sizes: number[] = [];
      for (let more = true; more; ) {
        const before = await allRows();
        ({ more } = await ledger.prunes.next(rule, last, maxRows));
        sizes.push(before - (await allRows()));
      }

      expect(await allRows()).toBe(0);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(maxRows);
      expect(sizes.slice(0, 7)).toEqual([50, 50, 50, 50, 50, 50, expect.any(Number)]);
    });

    it('lets claims go on while 20,000 old tasks are pruned', async () => {
      const chunk = 500;
      for (let at = 0; at < 20_000; at += chunk) {
        const old = { state: 'completed', finishedAt: longAgo + at } as const;
        await putMany(Array.from({ length: chunk }, () => ({ id: randomUUID(), change: old, runs: 2 })));
      }
      const worker = await home.open();
      const pruned = { batches: 0, mostRows: 0, longestWithoutClaim: 0 };
      let claimed = 0;
      let sinceClaim = 0;
      const next: Ledger['prunes']['next'] = async (...words) => {
        const isWeighed = pruned.batches % 40 === 0;
        const before = isWeighed ? await oldRows() : 0;
        const batch = await ledger.prunes.next(...words);
        if (isWeighed) pruned.mostRows = Math.max(pruned.mostRows, before - (await oldRows()));
        pruned.batches += 1;
        sinceClaim += 1;
        pruned.longestWithoutClaim = Math.max(pruned.longestWithoutClaim, sinceClaim);
        return batch;
      };
      const oldRows = async () => (await rowsIn('tasks')) + (await rowsIn('inputs')) + (await rowsIn('results'));
      const observed = { ...ledger, prunes: { ...ledger.prunes, next } };
      const settings = { completedMs: dayMs, pauseMs: 2, batchRows: 300 };

      const pruning = retention(settings, { ledger: observed }).pruneOnce(never);
      let over = false;
      const working = (async () => {
        while (!over) {
          const id = randomUUID();
          await worker.submit({ task: newTask(id, { state: 'queued' }), payload: '{}' });
          await claimRun(worker, id, now);
          claimed += 1;
          sinceClaim = 0;
        }
      })();
      const report = await pruning;
      over = true;
      await working;

      expect(report).toEqual({ active: true, tasks: 20_000, attempts: 40_000, letters: 0, more: false });
      expect(pruned.batches).toBeGreaterThan(20_000 / 75);
      // Three of a task's rows are counted here, claims add three meanwhile.
      expect(pruned.mostRows).toBeGreaterThan(0);
      expect(pruned.mostRows).toBeLessThanOrEqual(300);
      expect(claimed).toBeGreaterThan(50);
      expect(pruned.longestWithoutClaim).toBeLessThan(20);
      expect(await rowsIn('tasks')).toBe(claimed);
    }, 180_000);
  });

  describe('as a round', () => {
    it('is done by one process at a time, and by the next once that one has stopped', async () => {
      await put({ state: 'completed', finishedAt: longAgo });
      const settings = { completedMs: dayMs };
      const held = await ledger.leases.acquire('retention', 'other', now, 60_000);
      expect(held).toBe(true);

      expect(await prune(settings)).toMatchObject({ active: false, tasks: 0 });
      expect(await rowsIn('tasks')).toBe(1);
      await ledger.leases.release('retention', 'other');
      expect(await prune(settings)).toMatchObject({ active: true, tasks: 1 });
    });

    it('stops before the next batch, and gives up its role', async () => {
      for (let count = 0; count < 10; count += 1) await put({ state: 'completed', finishedAt: longAgo });
      const stop = new AbortController();
      const next: Ledger['prunes']['next'] = async (...words) => {
        const batch = await ledger.prunes.next(...words);
        stop.abort();
        return batch;
      };
      const observed = { ...ledger, prunes: { ...ledger.prunes, next } };
      const settings = { completedMs: dayMs, batchRows: 10, pauseMs: 600_000, intervalMs: 600_000 };

      await retention(settings, { ledger: observed }).run(stop.signal);

      expect(await rowsIn('tasks')).toBe(8);
      expect(await ledger.leases.acquire('retention', 'other', now, 1)).toBe(true);
    });

    it('says what it let go in one line, and nothing where there was nothing', async () => {
      for (let count = 0; count < 10; count += 1) await put({ state: 'completed', finishedAt: longAgo });
      const lines: Record<string, unknown>[] = [];
      const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) });
      const { pruneOnce } = retention({ completedMs: dayMs, batchRows: 10 }, { log });

      await pruneOnce(never);
      await pruneOnce(never);

      expect(lines).toEqual([
        expect.objectContaining({
          level: 30,
          msg: 'pruned what was kept long enough',
          tasks: 10,
          attempts: 10,
          letters: 0,
        }),
      ]);
    });
  });

  if (kind === 'sqlite') {
    it('finds by an index whatever a delete cascades to', async () => {
      const { rows: tables } = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(
        raw.db,
      );
      const plans: string[] = [];
      for (const { name } of tables) {
        const keys = await sql<{ from: string }>`select "from" from pragma_foreign_key_list(${name})`.execute(raw.db);
        for (const { from } of keys.rows) {
          const lookup = sql`explain query plan select 1 from ${sql.table(name)} where ${sql.ref(from)} = 'x'`;
          const { rows } = await sql<{ detail: string }>`${lookup}`.execute(raw.db);
          plans.push(rows[0]?.detail ?? '');
        }
      }
      expect(plans.length).toBeGreaterThanOrEqual(4);
      expect(plans.filter((plan) => !plan.startsWith('SEARCH'))).toEqual([]);
    });
  }
});
