import { randomBytes, randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Ledger } from '@warren/ledger';
import { claimRequest, claimRun, confirm, type LedgerPair, ledgerKinds, ledgerPair } from './support/ledger.js';

const now = 1_800_000_000_000;

describe.each(ledgerKinds)('the records of the ledger on $kind', ({ makeHome }) => {
  const pair = ledgerPair(makeHome);
  let ledger: Ledger;
  let other: Ledger;
  let submitted: LedgerPair['submitted'];
  beforeAll(() => {
    ({ ledger, other, submitted } = pair());
  });

  describe('keep what they are given', () => {
    it('times far beyond 32 bits', async () => {
      const latest = 8_640_000_000_000_000;
      const id = await submitted({
        deadlineAt: latest,
        dueAt: latest - 1,
        dispatchedAt: latest - 2,
        expiresMs: 31_622_400_000,
      });
      await confirm(ledger, id, latest);

      expect(await other.queries.task(id)).toMatchObject({
        deadlineAt: latest,
        dueAt: latest - 1,
        dispatchedAt: latest - 2,
        publishedAt: latest,
        expiresMs: 31_622_400_000,
      });
    });

    it('an input and a result of a mebibyte', async () => {
      const text = randomBytes(512 * 1024).toString('hex');
      const id = await submitted({}, JSON.stringify({ text }));
      const token = await claimRun(ledger, id, now);
      await ledger.complete(id, { token, now, result: JSON.stringify({ text }), cost: null });

      expect(await other.queries.payload(id)).toBe(JSON.stringify({ text }));
      expect((await other.queries.result(id))?.result).toBe(JSON.stringify({ text }));
    });

    it('many large inputs in one batch', async () => {
      const text = randomBytes(256 * 1024).toString('hex');
      const ids = await Promise.all(Array.from({ length: 24 }, () => submitted({}, JSON.stringify({ text }))));

      const payloads = await Promise.all(ids.map((id) => other.queries.payload(id)));

      expect(payloads.every((payload) => payload === JSON.stringify({ text }))).toBe(true);
    }, 60_000);

    it('every kind of character', async () => {
      const text = '研究 🐇\u{1F9D1}\u200D\u{1F52C} e\u0301 \u202E \uFFFF \u0001 "\'\\ ;drop table tasks;--';
      const tenant = 'acme 🐇 研究';
      const id = await submitted(
        { tenant, group: text, entities: [text, '🐇'], replyTo: text },
        JSON.stringify({ text }),
      );

      expect(await other.queries.task(id)).toMatchObject({
        tenant,
        group: text,
        entities: [text, '🐇'],
        replyTo: text,
      });
      expect(JSON.parse((await other.queries.payload(id)) ?? '')).toEqual({ text });
      expect((await other.queries.tasks({ tenants: [tenant], limit: 10 })).map((task) => task.id)).toEqual([id]);
    });

    it('an error that holds a NUL and half a character, as readable text', async () => {
      const id = await submitted();
      const token = await claimRun(ledger, id, now);
      const failure = { code: 'unknown', message: 'a\0b \uD83D', stack: 'at \0' } as const;

      expect(await ledger.fail(id, { token, now, failure })).toMatchObject({ kind: 'done' });

      expect(await ledger.queries.runs(id)).toMatchObject([{ error: 'a\uFFFDb \uFFFD', stack: 'at \uFFFD' }]);
      expect(await ledger.queries.task(id)).toMatchObject({ reason: 'a\uFFFDb \uFFFD' });
    });

    it('a reason, a progress and a result with a NUL, without an error', async () => {
      const [snoozed, parked, cancelled] = [await submitted(), await submitted(), await submitted()];
      const token = await claimRun(ledger, snoozed, now);

      await ledger.progress(snoozed, { token, now, progress: 'step\0' });
      await ledger.snooze(snoozed, { token, now, dueAt: now, reason: 'limit\0' });
      await ledger.park(parked, { dispatch: 1, now, code: 'unknown', reason: 'why\0' });
      await ledger.cancel(cancelled, { now, reason: 'no\0' });

      expect(await ledger.queries.task(snoozed)).toMatchObject({ reason: 'limit\uFFFD' });
      expect(await ledger.queries.task(parked)).toMatchObject({ reason: 'why\uFFFD' });
      expect(await ledger.queries.task(cancelled)).toMatchObject({ reason: 'no\uFFFD' });
    });
  });

  describe('queries', () => {
    it('find tasks by everything that a filter names, newest first', async () => {
      const tenant = randomUUID();
      const ids: string[] = [];
      for (const age of [3, 2, 1]) ids.unshift(await submitted({ tenant, createdAt: now - age, type: `type-${age}` }));
      const [newest = '', middle = '', oldest = ''] = ids;
      await ledger.park(middle, { dispatch: 1, now, code: 'not-found', reason: 'gone' });
      const find = async (filter: object) =>
        (await other.queries.tasks({ tenants: [tenant], limit: 10, ...filter })).map(({ id }) => id);

      expect(await find({})).toEqual([newest, middle, oldest]);
      expect(await find({ limit: 1, after: { id: newest, createdAt: now - 1 } })).toEqual([middle]);
      expect(await find({ states: ['parked'] })).toEqual([middle]);
      expect(await find({ states: ['parked', 'accepted'] })).toEqual([newest, middle, oldest]);
      expect(await find({ codes: ['timeout', 'not-found'] })).toEqual([middle]);
      expect(await find({ types: ['type-3', 'none'] })).toEqual([oldest]);
      expect(await find({ groups: ['none'] })).toEqual([]);
      expect(await find({ createdBefore: now - 2 })).toEqual([middle, oldest]);
      expect(await find({ createdSince: now - 2 })).toEqual([newest, middle]);
      expect(await find({ idempotencyKey: 'none' })).toEqual([]);
    });

    it('count tasks by state', async () => {
      const createdAt = now + 1_000_000;
      await submitted({ createdAt });
      const running = await submitted({ createdAt });
      await claimRun(ledger, running, now);

      expect(await other.queries.count({ createdSince: createdAt })).toEqual({ accepted: 1, running: 1 });
      expect((await other.queries.count()).running).toBeGreaterThanOrEqual(1);
    });

    it('answer nothing for an id that is not there', async () => {
      const id = randomUUID();
      const { queries } = ledger;

      expect(await Promise.all([queries.task(id), queries.payload(id), queries.result(id), queries.runs(id)])).toEqual([
        undefined,
        undefined,
        undefined,
        [],
      ]);
    });
  });

  describe('named leases', () => {
    it('belong to one owner until they end or are given up', async () => {
      const name = randomUUID();
      const { leases } = ledger;

      expect(await leases.acquire(name, 'a', now, 100)).toBe(true);
      expect(await other.leases.acquire(name, 'b', now + 99, 100)).toBe(false);
      expect(await leases.acquire(name, 'a', now + 99, 100)).toBe(true);
      expect(await other.leases.acquire(name, 'b', now + 199, 100)).toBe(true);
      await leases.release(name, 'a');
      expect(await leases.acquire(name, 'a', now + 200, 100)).toBe(false);
      await other.leases.release(name, 'b');
      expect(await leases.acquire(name, 'a', now + 200, 100)).toBe(true);
    });

    describe('of an owner whose clock is an hour ahead', () => {
      const ahead = now + 3_600_000;

      it('count no longer than others, once it is dead: whoever asks has seen it stand still for as long', async () => {
        const name = randomUUID();
        await ledger.leases.acquire(name, 'ahead', ahead, 100);

        expect(await other.leases.acquire(name, 'b', now, 100)).toBe(false);
        expect(await other.leases.acquire(name, 'b', now + 99, 100)).toBe(false);
        expect(await other.leases.acquire(name, 'b', now + 100, 100)).toBe(true);
        expect(await ledger.leases.acquire(name, 'a', now + 199, 100)).toBe(false);
      });

      it('are its own for as long as it renews them', async () => {
        const name = randomUUID();
        for (let ms = 0; ms < 1_000; ms += 50) {
          expect(await ledger.leases.acquire(name, 'ahead', ahead + ms, 100)).toBe(true);
          // Less often than the owner: what was seen is over by then.
          if (ms % 100 === 0) expect(await other.leases.acquire(name, 'b', now + ms, 100)).toBe(false);
        }
      });

      it('are judged by how long they were seen with the owner that they have', async () => {
        const name = randomUUID();
        await ledger.leases.acquire(name, 'ahead', ahead, 100);
        expect(await other.leases.acquire(name, 'b', now, 100)).toBe(false);
        await ledger.leases.release(name, 'ahead');
        await ledger.leases.acquire(name, 'c', ahead, 100);

        expect(await other.leases.acquire(name, 'b', now + 100, 100)).toBe(false);
        expect(await other.leases.acquire(name, 'b', now + 200, 100)).toBe(true);
      });
    });

    it('go to one of many who ask at once', async () => {
      const name = randomUUID();

      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          (index % 2 === 0 ? ledger : other).leases.acquire(name, `owner-${index}`, now, 1_000),
        ),
      );

      expect(answers.filter(Boolean)).toHaveLength(1);
    });
  });

  it('keep the claim of a task whose words are hostile to the database', async () => {
    const id = await submitted();

    const answer = await ledger.claim(id, claimRequest(now, { owner: "w'); drop table tasks; --", copy: '🐇' }));

    expect(answer).toMatchObject({ kind: 'run', task: { lease: { owner: "w'); drop table tasks; --", copy: '🐇' } } });
  });
});
