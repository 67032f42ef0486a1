import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Ledger, Task } from '@warren/ledger';
import { newTask } from '../fixtures/task.js';
import { claimRequest, claimRun, confirm, type LedgerPair, ledgerKinds, ledgerPair } from './support/ledger.js';

const now = 1_800_000_000_000;
const minute = 60_000;

describe.each(ledgerKinds)('the ledger on $kind', ({ makeHome }) => {
  const pair = ledgerPair(makeHome);
  let ledger: Ledger;
  let other: Ledger;
  let submitted: LedgerPair['submitted'];
  beforeAll(() => {
    ({ ledger, other, submitted } = pair());
  });

  describe('submitting', () => {
    it('records a task with its input', async () => {
      const task = newTask(randomUUID(), {
        tenant: 'acme',
        group: 'g',
        entities: ['a', 'b'],
        deadlineAt: now + minute,
      });

      expect(await ledger.submit({ task, payload: '{"text":"x"}' })).toEqual({ kind: 'recorded', task });

      expect(await other.queries.task(task.id)).toEqual(task);
      expect(await other.queries.payload(task.id)).toBe('{"text":"x"}');
    });

    it('counts the same submission again as a duplicate', async () => {
      const task = newTask(randomUUID());
      await ledger.submit({ task, payload: '{}' });

      expect(await other.submit({ task: { ...task, createdAt: now + 1 }, payload: '{}' })).toMatchObject({
        kind: 'duplicate',
        task: { id: task.id, createdAt: task.createdAt },
      });

      expect(await ledger.queries.task(task.id)).toMatchObject({ duplicates: 1 });
    });

    it('calls the same id with other content a conflict', async () => {
      const task = newTask(randomUUID());
      await ledger.submit({ task, payload: '{}' });

      const answer = await ledger.submit({ task: { ...task, fingerprint: 'other' }, payload: '{"other":1}' });

      expect(answer).toMatchObject({ kind: 'conflict', field: 'task_id', task: { id: task.id } });
      expect(await ledger.queries.payload(task.id)).toBe('{}');
      expect(await ledger.queries.task(task.id)).toMatchObject({ duplicates: 0 });
    });

    it('takes an idempotency key once a tenant', async () => {
      const [key, fingerprint] = [randomUUID(), 'same'];
      const first = newTask(randomUUID(), { idempotencyKey: key, tenant: 'a', fingerprint });
      const submit = (change: Partial<Task>) =>
        other.submit({ task: { ...first, id: randomUUID(), ...change }, payload: '{}' });
      await ledger.submit({ task: first, payload: '{}' });

      expect(await submit({})).toMatchObject({ kind: 'duplicate', task: { id: first.id } });
      expect(await submit({ fingerprint: 'other' })).toMatchObject({
        kind: 'conflict',
        field: 'idempotency_key',
        task: { id: first.id },
      });
      expect(await submit({ tenant: 'b', fingerprint: 'other' })).toMatchObject({ kind: 'recorded' });
      expect(await submit({ idempotencyKey: null })).toMatchObject({ kind: 'recorded' });
    });

    it('answers each of a burst for itself, however they fall into batches', async () => {
      const ids = Array.from({ length: 450 }, () => randomUUID());
      const burst = ids.flatMap((id) => [newTask(id), newTask(id), newTask(id, { fingerprint: 'other' })]);

      const answers = await Promise.all(burst.map((task) => ledger.submit({ task, payload: '{}' })));

      const kinds = ['recorded', 'duplicate', 'conflict'].map(
        (kind) => answers.filter((answer) => answer.kind === kind).length,
      );
      expect(kinds).toEqual([450, 450, 450]);
    }, 60_000);

    it('records an id once when two ledgers submit it at the same moment', async () => {
      const tasks = Array.from({ length: 200 }, () => newTask(randomUUID()));

      const answers = await Promise.all(
        tasks.flatMap((task, index) => {
          // One of them from the back, so that two batches meet each other's rows in opposite order.
          const reversed = tasks[tasks.length - 1 - index] ?? task;
          return [ledger.submit({ task, payload: '{}' }), other.submit({ task: reversed, payload: '{}' })];
        }),
      );

      expect(answers.filter(({ kind }) => kind === 'recorded')).toHaveLength(200);
      expect(answers.filter(({ kind }) => kind === 'duplicate')).toHaveLength(200);
    }, 60_000);

    it('records a key once when two ledgers submit it under different ids', async () => {
      const keys = Array.from({ length: 100 }, () => randomUUID());
      const task = (idempotencyKey: string) => newTask(randomUUID(), { idempotencyKey, fingerprint: 'same' });

      const answers = await Promise.all(
        keys.flatMap((key) => [ledger, other, ledger].map((one) => one.submit({ task: task(key), payload: '{}' }))),
      );

      expect(answers.filter(({ kind }) => kind === 'recorded')).toHaveLength(100);
      expect(answers.filter(({ kind }) => kind === 'duplicate')).toHaveLength(200);
    }, 60_000);

    it('never takes a stranger without a key for the same task', async () => {
      // The first of the two takes the id's place in the batch and then yields to the owner of its key.
      const [id, key, stranger] = [randomUUID(), randomUUID(), newTask(randomUUID(), { fingerprint: 'same' })];
      const owner = newTask(randomUUID(), { idempotencyKey: key, fingerprint: 'same' });
      await ledger.submit({ task: stranger, payload: '{}' });
      await ledger.submit({ task: owner, payload: '{}' });

      const [again, , alone] = await Promise.all([
        ledger.submit({ task: newTask(id, { idempotencyKey: key, fingerprint: 'same' }), payload: '{}' }),
        ledger.submit({ task: stranger, payload: '{}' }),
        ledger.submit({ task: newTask(id, { fingerprint: 'same' }), payload: '{}' }),
      ]);

      expect(again).toMatchObject({ kind: 'duplicate', task: { id: owner.id } });
      expect(alone).toMatchObject({ kind: 'recorded', task: { id } });
    });
  });

  describe('a run', () => {
    it('is completed once, with its result on record', async () => {
      const id = await submitted();
      const token = await claimRun(ledger, id, now + 1);
      expect(await ledger.queries.task(id)).toMatchObject({
        state: 'running',
        token: 1,
        owed: null,
        publishedAt: now + 1,
        startedAt: now + 1,
        lease: { owner: 'worker-1', copy: 'copy-1', until: now + 1 + 30_000 },
      });

      const done = await ledger.complete(id, { token, now: now + 2, result: '{"summary":"s"}', cost: '{"tokens":3}' });
      const again = await other.complete(id, { token, now: now + 3, result: '{"summary":"t"}', cost: null });

      expect([done.kind, again.kind]).toEqual(['done', 'refused']);
      expect(await other.queries.task(id)).toMatchObject({ state: 'completed', lease: null, finishedAt: now + 2 });
      expect(await other.queries.result(id)).toEqual({
        result: '{"summary":"s"}',
        cost: '{"tokens":3}',
        completedAt: now + 2,
      });
      expect(await other.queries.runs(id)).toMatchObject([
        {
          taskId: id,
          token: 1,
          attempt: 1,
          dispatch: 1,
          worker: 'worker-1',
          startedAt: now + 1,
          endedAt: now + 2,
          outcome: 'completed',
          code: null,
          error: null,
          stack: null,
        },
      ]);
    });

    it('is known by nobody but the ledger that has the task', async () => {
      const nobody = randomUUID();
      const request = { token: 1, now };

      expect(await ledger.claim(nobody, claimRequest(now))).toEqual({ kind: 'unknown' });
      expect(await ledger.claim(await submitted(), claimRequest(now, { dispatch: 2 }))).toEqual({ kind: 'unknown' });
      expect(await ledger.complete(nobody, { ...request, result: '{}', cost: null })).toEqual({ kind: 'refused' });
      expect(await ledger.renew(nobody, { ...request, leaseMs: 1 })).toEqual({ kind: 'refused' });
      expect(await ledger.cancel(nobody, { now, reason: '' })).toEqual({
        kind: 'refused',
        why: 'there is no such task',
      });
      expect(await ledger.replay(nobody, { now })).toEqual({ kind: 'refused', why: 'there is no such task' });
    });

    it('fails with its code, error and stack, and owes its dead letter', async () => {
      const id = await submitted();
      const token = await claimRun(ledger, id, now);
      const failure = { code: 'network', message: 'refused', stack: 'Error: refused\n  at x' } as const;

      expect(await ledger.fail(id, { token, now: now + 5, failure })).toMatchObject({
        kind: 'done',
        task: {
          state: 'dead-lettered',
          dispatch: 2,
          owed: 'dead',
          reasonCode: 'network',
          reason: 'refused',
          publishedAt: null,
        },
      });

      expect(await ledger.queries.runs(id)).toMatchObject([
        { outcome: 'failed', code: 'network', error: 'refused', stack: 'Error: refused\n  at x', endedAt: now + 5 },
      ]);
      expect(await ledger.fail(id, { token, now, failure })).toEqual({ kind: 'refused' });
      expect(await ledger.claim(id, claimRequest(now))).toEqual({ kind: 'stale' });
    });

    it('is snoozed without using an attempt, and is early until it is due', async () => {
      const id = await submitted();
      const token = await claimRun(ledger, id, now);

      await ledger.snooze(id, { token, now, dueAt: now + minute, reason: 'rate limit' });

      const early = await other.claim(id, claimRequest(now + minute - 1, { dispatch: 2 }));
      expect(early).toMatchObject({ kind: 'early', until: now + minute, task: { state: 'snoozed', owed: 'delayed' } });
      expect(await other.claim(id, claimRequest(now + minute, { dispatch: 2 }))).toMatchObject({
        kind: 'run',
        task: { attempt: 1, token: 2 },
      });
    });

    it('is released by a drain and claimed again as if nothing had happened', async () => {
      const id = await submitted({ expiresMs: minute });
      const token = await claimRun(ledger, id, now);

      expect(await ledger.release(id, { token, now: now + 2 * minute })).toMatchObject({
        kind: 'done',
        task: { state: 'queued', dispatch: 1, lease: null, lostTokens: [] },
      });

      const again = await other.claim(id, claimRequest(now + 2 * minute + 1, { redelivered: true }));
      expect(again).toMatchObject({ kind: 'run', task: { token: 2, lostTokens: [] } });
      expect(await ledger.queries.runs(id)).toMatchObject([{ outcome: 'released' }, { outcome: 'running' }]);
    });

    it('keeps its lease while it renews, and tells its progress', async () => {
      const id = await submitted();
      const token = await claimRun(ledger, id, now);

      await ledger.renew(id, { token, now: now + 20_000, leaseMs: 30_000 });
      await ledger.progress(id, { token, now: now + 21_000, progress: '{"step":1}' });

      expect(await ledger.queries.task(id)).toMatchObject({ lease: { until: now + 50_000 }, progress: '{"step":1}' });
      expect(await other.claim(id, claimRequest(now + 49_999, { copy: 'copy-2', redelivered: true }))).toMatchObject({
        kind: 'held',
        until: now + 50_000,
      });
      expect(await other.claim(id, claimRequest(now + 50_000, { copy: 'copy-2', owner: 'worker-2' }))).toMatchObject({
        kind: 'run',
        task: { token: 2, lostTokens: [1] },
      });
    });

    it('that was taken over is refused, and its late word takes back the crash', async () => {
      const id = await submitted();
      const token = await claimRun(ledger, id, now);
      await claimRun(other, id, now + 1, { redelivered: true, owner: 'worker-2' });
      expect(await ledger.queries.task(id)).toMatchObject({ lostTokens: [1] });

      expect(await ledger.renew(id, { token, now: now + 2, leaseMs: 30_000 })).toEqual({ kind: 'refused' });

      expect(await ledger.queries.task(id)).toMatchObject({ state: 'running', token: 2, lostTokens: [] });
      const late = { token, now: now + 3 };
      expect(await ledger.progress(id, { ...late, progress: '{}' })).toEqual({ kind: 'refused' });
      expect(await ledger.complete(id, { ...late, result: '{}', cost: null })).toEqual({ kind: 'refused' });
      expect(await ledger.snooze(id, { ...late, dueAt: now, reason: '' })).toEqual({ kind: 'refused' });
      expect(await ledger.release(id, late)).toEqual({ kind: 'refused' });
      expect(await ledger.queries.runs(id)).toMatchObject([
        { token: 1, outcome: 'superseded', endedAt: now + 2 },
        { token: 2, outcome: 'running', worker: 'worker-2' },
      ]);
      expect(await ledger.queries.result(id)).toBeUndefined();
    });

    it('that crashes for the third time is poison, and its task runs alone before that', async () => {
      const id = await submitted();
      const later = (lease: number) => now + lease * 30_001;
      await claimRun(ledger, id, later(0));
      await claimRun(ledger, id, later(1), { owner: 'worker-2' });
      const third = { owner: 'worker-3', redelivered: true };
      expect(await ledger.claim(id, claimRequest(later(1) + 1, third))).toEqual({ kind: 'alone' });
      await claimRun(ledger, id, later(1) + 1, { ...third, alone: true });

      // It is redelivered at once, and still: a worker whose connection was cut would have until the lease ends.
      const fourth = { owner: 'worker-4', redelivered: true };
      expect(await ledger.claim(id, claimRequest(later(1) + 2, fourth))).toMatchObject({ kind: 'held' });
      expect(await ledger.claim(id, claimRequest(later(3), fourth))).toMatchObject({
        kind: 'dead-lettered',
        code: 'poison',
        task: { state: 'dead-lettered', owed: 'dead', reasonCode: 'poison', lostTokens: [1, 2, 3] },
      });

      expect((await ledger.queries.runs(id)).map(({ outcome }) => outcome)).toEqual(['lost', 'lost', 'lost']);
    });

    it('is begun anew, and no crash, when its own worker claims it again', async () => {
      const id = await submitted();
      await claimRun(ledger, id, now);

      const unheard = await ledger.claim(id, claimRequest(now + 1));
      const reconnected = await ledger.claim(id, claimRequest(now + 2, { redelivered: true }));

      expect([unheard, reconnected]).toMatchObject([
        { kind: 'run' },
        { kind: 'run', task: { token: 3, lostTokens: [] } },
      ]);
      expect((await ledger.queries.runs(id)).map(({ outcome }) => outcome)).toEqual([
        'superseded',
        'superseded',
        'running',
      ]);
    });

    it('that waited too long, or past its deadline, is not begun', async () => {
      const [waited, late] = [await submitted({ expiresMs: 10 }), await submitted({ deadlineAt: now + 10 })];
      // What is not published waits for nobody.
      await confirm(ledger, waited, now);

      expect(await ledger.claim(waited, claimRequest(now + 11))).toMatchObject({
        kind: 'dead-lettered',
        code: 'expired',
      });
      expect(await ledger.claim(late, claimRequest(now + 10))).toMatchObject({
        kind: 'dead-lettered',
        code: 'expired',
      });
    });
  });

  describe('a move', () => {
    async function deadLettered(): Promise<string> {
      const id = await submitted();
      const token = await claimRun(ledger, id, now);
      await ledger.fail(id, { token, now, failure: { code: 'network', message: 'refused' } });
      return id;
    }

    it('notes the confirm of the present dispatch only', async () => {
      const id = await submitted();

      expect(await ledger.published(id, { dispatch: 2, dispatchedAt: now, now })).toMatchObject({ kind: 'refused' });
      expect(await confirm(ledger, id, now + 7)).toMatchObject({ kind: 'moved' });

      expect(await ledger.queries.task(id)).toMatchObject({ state: 'queued', owed: null, publishedAt: now + 7 });
    });

    it('is decided once: the second decision over a letter is refused', async () => {
      const id = await deadLettered();

      expect(await ledger.retry(id, { dispatch: 2, now, dueAt: now + 50 })).toMatchObject({
        kind: 'moved',
        task: { state: 'retry-scheduled', attempt: 2, dispatch: 3, owed: 'delayed', dueAt: now + 50 },
      });

      expect(await other.retry(id, { dispatch: 2, now, dueAt: now })).toMatchObject({ kind: 'refused' });
      expect(await other.park(id, { dispatch: 2, now, code: 'exhausted', reason: '' })).toMatchObject({
        kind: 'refused',
      });
    });

    it('parks, replays with a new allowance, and cancels', async () => {
      const id = await deadLettered();
      expect(await ledger.park(id, { dispatch: 2, now, code: 'exhausted', reason: 'enough' })).toMatchObject({
        task: { state: 'parked', owed: null, reasonCode: 'exhausted', reason: 'enough' },
      });

      expect(await ledger.replay(id, { now })).toMatchObject({
        task: { state: 'accepted', attempt: 2, allowanceFrom: 2, owed: 'task', reasonCode: null, reason: null },
      });
      expect(await other.replay(id, { now })).toEqual({
        kind: 'refused',
        why: 'it is accepted; only a parked task is replayed',
      });
      expect(await other.cancel(id, { now, reason: 'not wanted' })).toMatchObject({
        task: { state: 'cancelled', owed: null },
      });

      expect(await ledger.cancel(id, { now, reason: '' })).toEqual({ kind: 'refused', why: 'it is already cancelled' });
      expect(await ledger.claim(id, claimRequest(now, { dispatch: 4 }))).toEqual({ kind: 'stale' });
    });

    it('leaves to a worker what it has, and recovers what its crash let expire', async () => {
      const id = await submitted();
      await claimRun(ledger, id, now);

      expect(await ledger.park(id, { dispatch: 1, now, code: 'expired', reason: '' })).toMatchObject({
        kind: 'refused',
      });
      expect(await ledger.recover(id, { dispatch: 1, now, copy: 'copy-2' })).toMatchObject({ kind: 'refused' });
      expect(await ledger.recover(id, { dispatch: 1, now: now + 1, copy: 'copy-1' })).toMatchObject({
        kind: 'moved',
        task: { state: 'accepted', dispatch: 2, owed: 'delayed', dueAt: now + 30_000, lostTokens: [1] },
      });

      expect(await ledger.queries.runs(id)).toMatchObject([{ outcome: 'lost', endedAt: now + 1 }]);
    });

    it('ends the run of a task that is cancelled while it is worked', async () => {
      const id = await submitted();
      const token = await claimRun(ledger, id, now);

      await other.cancel(id, { now: now + 1, reason: 'not wanted' });

      expect(await ledger.complete(id, { token, now, result: '{}', cost: null })).toEqual({ kind: 'refused' });
      expect(await ledger.queries.runs(id)).toMatchObject([{ outcome: 'cancelled', endedAt: now + 1 }]);
    });
  });

  describe('a group commit', () => {
    it('sees what earlier operations of the same batch did', async () => {
      const id = await submitted();

      const [first, second, done, again] = await Promise.all([
        ledger.claim(id, claimRequest(now)),
        ledger.claim(id, claimRequest(now, { copy: 'copy-2' })),
        ledger.complete(id, { token: 1, now, result: '{}', cost: null }),
        ledger.complete(id, { token: 1, now, result: '{}', cost: null }),
      ]);

      expect([first, second, done, again].map(({ kind }) => kind)).toEqual(['run', 'held', 'done', 'refused']);
    });

    it('does not fail the neighbours of an operation that fails', async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, () => submitted()));
      const [broken = '', twice = ''] = ids;
      await claimRun(ledger, twice, now);
      await ledger.complete(twice, { token: 1, now, result: '{}', cost: null });

      const answers = await Promise.allSettled([
        ...ids.map((id) => ledger.claim(id, claimRequest(now, id === broken ? { owner: 'nul \0 nul' } : {}))),
        ledger.claim(randomUUID(), claimRequest(now)),
      ]);

      const kinds = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.kind : 'failed'));
      expect(kinds.slice(2)).toEqual([...ids.slice(2).map(() => 'run'), 'unknown']);
      expect(kinds[1]).toBe('stale');
    });
  });

  describe('two ledgers', () => {
    it('claim each task once', async () => {
      const ids = await Promise.all(Array.from({ length: 100 }, () => submitted()));

      const answers = await Promise.all(
        ids.flatMap((id) => [
          ledger.claim(id, claimRequest(now, { owner: 'worker-1' })),
          other.claim(id, claimRequest(now, { owner: 'worker-2', copy: 'copy-2' })),
        ]),
      );

      expect(answers.filter(({ kind }) => kind === 'run')).toHaveLength(100);
      expect(answers.filter(({ kind }) => kind === 'held')).toHaveLength(100);
    }, 60_000);
  });
});
