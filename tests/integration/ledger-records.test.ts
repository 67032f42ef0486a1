import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Ledger, LetterOutline, NewLetter, Task } from '@warren/ledger';
import { claimRequest, claimRun, type LedgerHome, ledgerKinds, newTask } from './support/ledger.js';

const now = 1_800_000_000_000;

describe.each(ledgerKinds)('the records of the ledger on $kind', ({ makeHome }) => {
  let home: LedgerHome;
  let ledger: Ledger;
  let other: Ledger;

  beforeAll(async () => {
    home = await makeHome();
    [ledger, other] = await Promise.all([home.open(), home.open()]);
  }, 60_000);

  afterAll(async () => {
    await home.dispose();
  }, 60_000);

  async function submitted(change: Partial<Task> = {}, payload = '{}'): Promise<string> {
    const id = randomUUID();
    await ledger.submit({ task: newTask(id, change), payload });
    return id;
  }

  describe('keep what they are given', () => {
    it('times far beyond 32 bits', async () => {
      const latest = 8_640_000_000_000_000;
      const id = await submitted({
        deadlineAt: latest,
        dueAt: latest - 1,
        dispatchedAt: latest - 2,
        expiresMs: 31_622_400_000,
      });
      await ledger.published(id, { dispatch: 1, now: latest });

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

  describe('letters', () => {
    function letter(change: Partial<NewLetter> = {}): NewLetter {
      return {
        taskId: null,
        type: 'summarize',
        dispatch: null,
        code: 'malformed',
        reason: 'is not JSON',
        body: randomBytes(64),
        properties: '{"headers":{}}',
        sourceQueue: 'tasks.summarize',
        routingKey: 'summarize.normal',
        related: { tenant: 'acme', entities: ['a'] },
        ...change,
      };
    }

    it('are kept byte for byte', async () => {
      const body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const given = letter({ body, reason: 'a\0b', routingKey: 'summarize.\0' });

      const { kind, letter: kept } = await ledger.letters.receive(given, now);

      expect(kind).toBe('new');
      expect(await other.letters.find(kept.id)).toEqual({
        ...given,
        id: kept.id,
        state: 'received',
        reason: 'a\uFFFDb',
        routingKey: 'summarize.\uFFFD',
        rule: null,
        advice: null,
        firstSeen: now,
        lastSeen: now,
        timesSeen: 1,
        unfinished: 1,
        resolvedAt: null,
        resolution: null,
        escalatedTo: null,
        escalatedAt: null,
      });
    });

    it('of a mebibyte, of nothing, and of half a character are kept', async () => {
      for (const body of [randomBytes(1024 * 1024), Buffer.alloc(0), Buffer.from([0xed, 0xa0, 0x80])]) {
        const { letter: kept } = await ledger.letters.receive(letter({ body }), now);
        expect((await other.letters.find(kept.id))?.body.equals(body)).toBe(true);
      }
    });

    it('that are the same bytes for the same type are one letter, wherever they are met', async () => {
      const given = letter();
      const first = await ledger.letters.receive(given, now);

      const again = await other.letters.receive(given, now + 1);
      await ledger.letters.decide(first.letter.id, { state: 'parked', rule: 'malformed', advice: 'look' }, now + 2);
      const later = await other.letters.receive(given, now + 3);
      const elsewhere = await ledger.letters.receive({ ...given, sourceQueue: 'submitted' }, now + 4);
      const another = await ledger.letters.receive({ ...given, type: 'another' }, now + 5);

      const met = [first, again, later, elsewhere, another];
      expect(met.map(({ kind }) => kind)).toEqual(['new', 'again', 'new', 'again', 'new']);
      expect(again.letter).toMatchObject({
        id: first.letter.id,
        timesSeen: 2,
        unfinished: 2,
        firstSeen: now,
        lastSeen: now + 1,
      });
      expect(later.letter).toMatchObject({ id: first.letter.id, state: 'received', timesSeen: 3, unfinished: 1 });
      expect(elsewhere.letter).toMatchObject({ id: first.letter.id, sourceQueue: 'submitted', timesSeen: 4 });
      expect(another.letter.id).not.toBe(first.letter.id);
    });

    it('of a task are one letter, met at each of its failures', async () => {
      const taskId = await submitted();
      const first = await ledger.letters.receive(letter({ taskId, dispatch: 2, code: 'network' }), now);
      const again = await ledger.letters.receive(letter({ taskId, dispatch: 2, code: 'network' }), now + 1);
      await ledger.letters.decide(first.letter.id, { state: 'retrying', rule: 'transient' }, now + 2);
      const next = await ledger.letters.receive(
        letter({ taskId, dispatch: 4, code: 'timeout', reason: 'slow' }),
        now + 3,
      );

      expect([first.kind, again.kind, next.kind]).toEqual(['new', 'again', 'new']);
      expect(next.letter).toMatchObject({
        id: first.letter.id,
        dispatch: 4,
        code: 'timeout',
        reason: 'slow',
        state: 'received',
        timesSeen: 3,
        firstSeen: now,
      });
      expect((await ledger.letters.find(taskId))?.id).toBe(first.letter.id);
    });

    it('met by two processors at once are one letter', async () => {
      const given = letter();

      const met = await Promise.all([ledger, other, ledger, other].map((one) => one.letters.receive(given, now)));

      expect(new Set(met.map((answer) => answer.letter.id)).size).toBe(1);
      expect(met.filter(({ kind }) => kind === 'new')).toHaveLength(1);
      expect(await ledger.letters.find(met[0]?.letter.id ?? '')).toMatchObject({ timesSeen: 4 });
    });

    it('that are copies of one message are one letter by what they have in common', async () => {
      const body = randomBytes(64);
      const copy = (name: string) =>
        letter({ body, properties: `{"headers":{"x-copy":"${name}"}}`, identity: '{"headers":{}}' });

      const first = await ledger.letters.receive(copy('a'), now);
      const second = await other.letters.receive(copy('b'), now + 1);
      const foreign = await ledger.letters.receive({ ...copy('a'), identity: '{"headers":{"x-tenant":"a"}}' }, now + 2);

      expect(second).toMatchObject({ kind: 'again', letter: { id: first.letter.id, timesSeen: 2 } });
      // As it was met last, whole.
      expect(second.letter.properties).toContain('"x-copy":"b"');
      expect(foreign.letter.id).not.toBe(first.letter.id);
    });

    it.each([
      ['parked', false],
      ['retrying', false],
      ['replayed', true],
      ['cancelled', true],
      ['settled', true],
    ] as const)('that are %s are resolved: %s', async (state, resolved) => {
      const { letter: kept } = await ledger.letters.receive(letter(), now);

      await ledger.letters.decide(
        kept.id,
        { state, code: 'refused', reason: 'so', advice: null, resolution: 'by hand' },
        now + 9,
      );

      expect(await other.letters.find(kept.id)).toMatchObject({
        state,
        code: 'refused',
        reason: 'so',
        advice: null,
        resolution: 'by hand',
        resolvedAt: resolved ? now + 9 : null,
      });
    });

    it.each([
      ['replayed', 'parked'],
      ['replayed', 'retrying'],
      ['cancelled', 'parked'],
      ['cancelled', 'replayed'],
      ['settled', 'parked'],
      ['parked', 'retrying'],
    ] as const)('that are %s are not %s by a note that comes late', async (state, late) => {
      const { letter: kept } = await ledger.letters.receive(letter(), now);
      expect(await ledger.letters.decide(kept.id, { state, resolution: 'first' }, now + 1)).toBe(true);

      expect(await other.letters.decide(kept.id, { state: late, resolution: 'late' }, now + 2)).toBe(false);

      expect(await ledger.letters.find(kept.id)).toMatchObject({ state, resolution: 'first' });
    });

    it.each(['parked', 'retrying'] as const)('that are %s are a person to decide', async (state) => {
      for (const decision of ['replayed', 'cancelled'] as const) {
        const { letter: kept } = await ledger.letters.receive(letter(), now);
        await ledger.letters.decide(kept.id, { state }, now + 1);

        expect(await other.letters.decide(kept.id, { state: decision }, now + 2)).toBe(true);

        expect(await ledger.letters.find(kept.id)).toMatchObject({ state: decision, resolvedAt: now + 2 });
      }
    });

    it('that were met for another dispatch are not decided by what was thought of the one before', async () => {
      const taskId = await submitted();
      const { letter: first } = await ledger.letters.receive(letter({ taskId, dispatch: 2 }), now);
      await ledger.letters.receive(letter({ taskId, dispatch: 4 }), now + 1);
      const raw = await ledger.letters.receive(letter(), now);

      expect(await other.letters.decide(first.id, { state: 'retrying', dispatch: first.dispatch }, now + 2)).toBe(
        false,
      );
      expect(await ledger.letters.find(first.id)).toMatchObject({ state: 'received', dispatch: 4, unfinished: 1 });
      expect(await other.letters.decide(first.id, { state: 'parked', dispatch: 4 }, now + 3)).toBe(true);
      expect(await other.letters.decide(raw.letter.id, { state: 'parked', dispatch: null }, now + 3)).toBe(true);
    });

    it('that come late, about a dispatch before the one that was met, change nothing', async () => {
      const taskId = await submitted();
      await ledger.letters.receive(letter({ taskId, dispatch: 4, code: 'timeout' }), now);
      const { id } = (await other.letters.receive(letter({ taskId, dispatch: 2, code: 'network' }), now + 1)).letter;
      const kept = { dispatch: 4, code: 'timeout', timesSeen: 1, lastSeen: now };
      expect(await ledger.letters.find(taskId)).toMatchObject({ id, ...kept });
    });

    it('that were met again since are not decided by what was seen of them before', async () => {
      const given = letter();
      const { letter: seen } = await ledger.letters.receive(given, now);
      const { timesSeen } = seen;
      await ledger.letters.decide(seen.id, { state: 'parked', timesSeen }, now + 1);
      expect(await other.letters.receive(given, now + 2)).toMatchObject({
        letter: { id: seen.id, timesSeen: 2 },
      });

      expect(await other.letters.decide(seen.id, { state: 'replayed', timesSeen }, now + 3)).toBe(false);
      expect(await ledger.letters.find(seen.id)).toMatchObject({ state: 'received' });
      expect(await other.letters.decide(seen.id, { state: 'replayed', timesSeen: 2 }, now + 4)).toBe(true);
    });

    it('of a task are decided as long as they are about a dispatch before the one that is named', async () => {
      const taskId = await submitted();
      const { letter: first } = await ledger.letters.receive(letter({ taskId, dispatch: 4 }), now);
      const raw = await ledger.letters.receive(letter(), now);
      const replayed = (before: number) => ({ state: 'replayed', dispatch: { before } }) as const;

      expect(await other.letters.decide(first.id, replayed(4), now + 1)).toBe(false);
      expect(await other.letters.decide(raw.letter.id, replayed(4), now + 1)).toBe(false);
      expect(await other.letters.decide(first.id, replayed(5), now + 1)).toBe(true);
    });

    it('that are not there are not decided', async () => {
      expect(await ledger.letters.decide(randomUUID(), { state: 'parked' }, now)).toBe(false);
    });

    it('are listed by everything that a filter names, newest first', async () => {
      const [type, tenant, group] = [`type-${randomUUID()}`, randomUUID(), randomUUID()];
      const taskId = await submitted({ tenant, group });
      const old = await ledger.letters.receive(letter({ type, taskId, dispatch: 2, code: 'network' }), now);
      const young = await ledger.letters.receive(letter({ type }), now + 5);
      await ledger.letters.decide(young.letter.id, { state: 'parked' }, now + 6);
      const list = async (filter: object) =>
        (await other.letters.list({ types: [type], limit: 10, ...filter })).map(({ id }) => id);

      expect(await list({})).toEqual([young.letter.id, old.letter.id]);
      expect(await list({ types: ['none', type] })).toEqual([young.letter.id, old.letter.id]);
      expect(await list({ limit: 1, after: young.letter })).toEqual([old.letter.id]);
      expect(await list({ states: ['parked', 'settled'] })).toEqual([young.letter.id]);
      expect(await list({ codes: ['network'] })).toEqual([old.letter.id]);
      expect(await list({ tenants: [tenant] })).toEqual([old.letter.id]);
      expect(await list({ groups: [group, 'none'] })).toEqual([old.letter.id]);
      expect(await list({ seenBefore: now + 4 })).toEqual([old.letter.id]);
      expect(await list({ seenSince: now + 5 })).toEqual([young.letter.id]);
      expect(await list({ states: [] })).toEqual([]);
      expect((await other.letters.count()).parked).toBeGreaterThanOrEqual(1);
    });

    it('that still wait when their task has ended are settled', async () => {
      const taskId = await submitted();
      const { letter: kept } = await ledger.letters.receive(letter({ taskId, dispatch: 1 }), now);
      await ledger.letters.decide(kept.id, { state: 'parked' }, now);
      expect(await other.letters.settleFinished(now)).toBe(0);
      await ledger.cancel(taskId, { now, reason: 'not wanted' });

      expect(await other.letters.settleFinished(now + 1)).toBe(1);

      expect(await ledger.letters.find(taskId)).toMatchObject({ state: 'settled', resolvedAt: now + 1 });
    });
  });

  describe('sweeps', () => {
    const quiet = now + 60_000;

    it('find the publishes that are owed, oldest first', async () => {
      const before = 1_000_000;
      const ids = [await submitted({ dispatchedAt: before - 1 }), await submitted({ dispatchedAt: before - 2 })];
      const paid = await submitted({ dispatchedAt: before - 3 });
      await submitted({ dispatchedAt: before + 1 });
      await ledger.published(paid, { dispatch: 1, now });

      expect((await other.sweeps.owed(before, 10)).map(({ id }) => id)).toEqual(ids.toReversed());
      const [first] = await other.sweeps.owed(before, 1);
      expect(first?.id).toBe(ids[1]);
      expect((await other.sweeps.owed(before, 1, first)).map(({ id }) => id)).toEqual([ids[0]]);

      const count = await other.sweeps.owedCount();
      for (const id of ids) await ledger.published(id, { dispatch: 1, now });
      expect(await other.sweeps.owedCount()).toBe(count - 2);
    });

    it('find what waits for the broker: published, due, and not claimed', async () => {
      const type = `type-${randomUUID()}`;
      const waiting = await submitted({ type });
      const delayed = await submitted({ type, state: 'scheduled', owed: 'delayed', dueAt: now + 10 });
      const notDue = await submitted({ type, state: 'scheduled', owed: 'delayed', dueAt: quiet + 1 });
      const young = await submitted({ type });
      const claimed = await submitted({ type });
      const lapsed = await submitted({ type });
      const done = await submitted({ type });
      await submitted({ type });
      for (const [id, at] of [
        [waiting, now],
        [delayed, now + 1],
        [notDue, now],
        [young, quiet + 1],
      ] as const) {
        await ledger.published(id, { dispatch: 1, now: at });
      }
      await claimRun(ledger, claimed, quiet - 10);
      await claimRun(ledger, lapsed, now + 2, { leaseMs: 5 });
      const token = await claimRun(ledger, done, now);
      await ledger.complete(done, { token, now, result: '{}', cost: null });

      expect((await other.sweeps.waiting(type, quiet, 10)).map(({ id }) => id)).toEqual([waiting, delayed, lapsed]);
      const [first] = await other.sweeps.waiting(type, quiet, 1);
      expect((await other.sweeps.waiting(type, quiet, 1, first)).map(({ id }) => id)).toEqual([delayed]);

      // The sweeper's copy of a lapsed run is noted, so that the next round leaves it alone.
      expect(await ledger.published(lapsed, { dispatch: 1, now: quiet + 1 })).toMatchObject({ kind: 'moved' });
      expect((await other.sweeps.waiting(type, quiet, 10)).map(({ id }) => id)).toEqual([waiting, delayed]);
    });

    it('leave a task alone for as long after its worker gave it back as after its publish', async () => {
      const type = `type-${randomUUID()}`;
      const id = await submitted({ type });
      await ledger.published(id, { dispatch: 1, now });
      const token = await claimRun(ledger, id, now);
      await ledger.release(id, { token, now: quiet });
      const found = async (since: number) => (await other.sweeps.waiting(type, since, 10)).map((task) => task.id);

      expect(await found(quiet - 1)).toEqual([]);
      expect(await found(quiet)).toEqual([id]);
    });

    it('find letters that nobody decided', async () => {
      const id = await submitted();
      const token = await claimRun(ledger, id, now);
      await ledger.fail(id, { token, now, failure: { code: 'network', message: 'refused' } });
      const found = async () => (await other.sweeps.undecided(quiet, 100)).map((task) => task.id);

      expect(await found()).not.toContain(id);
      await ledger.published(id, { dispatch: 2, now });
      expect(await found()).toContain(id);
      await ledger.retry(id, { dispatch: 2, now, dueAt: now });
      expect(await found()).not.toContain(id);
    });

    it('know since when a claim proves that the queue moved on', async () => {
      const type = `type-${randomUUID()}`;
      const newest = (since = 0) => other.sweeps.newestClaimed(type, 5, since);
      expect(await newest()).toBeNull();

      const claimed = await submitted({ type, createdAt: now - 50 });
      await claimRun(ledger, claimed, now);
      const unclaimed = await submitted({ type, createdAt: now - 10 });
      await ledger.published(unclaimed, { dispatch: 1, now });
      await claimRun(ledger, await submitted({ type, priority: 8, createdAt: now - 5 }), now);
      await claimRun(ledger, await submitted({ type, createdAt: now - 4, dueAt: now - 1 }), now);

      expect(await newest()).toBe(now - 50);
      expect(await newest(now - 50)).toBeNull();
      await claimRun(ledger, await submitted({ type, priority: 2, createdAt: now - 20 }), now);
      expect(await newest()).toBe(now - 20);
    });

    it('do not believe a submitter whose clock runs ahead of the claim', async () => {
      const type = `type-${randomUUID()}`;
      await claimRun(ledger, await submitted({ type, createdAt: now - 50 }), now);
      await claimRun(ledger, await submitted({ type, createdAt: now + 3_600_000 }), now);

      expect(await other.sweeps.newestClaimed(type, 5, 0)).toBe(now - 50);
    });

    it('know since when a decided letter proves that its queue moved on', async () => {
      const later = now + 10_000_000;
      const newest = (since = now + 5_000_000) => other.sweeps.newestDecided(since);
      const fail = async (at: number) => {
        const id = await submitted();
        const token = await claimRun(ledger, id, at - 5);
        await ledger.fail(id, { token, now: at, failure: { code: 'network', message: 'refused' } });
        return id;
      };
      const meet = async (id: string, at: number) =>
        (
          await ledger.letters.receive(
            {
              taskId: id,
              type: 'summarize',
              dispatch: 2,
              code: 'network',
              reason: '',
              body: Buffer.alloc(0),
              properties: '{}',
              sourceQueue: 'tasks.summarize',
              routingKey: 'summarize.normal',
              related: {},
            },
            at,
          )
        ).letter.id;
      expect(await newest()).toBeNull();

      await ledger.letters.decide(await meet(await fail(later), later + 100), { state: 'parked' }, later + 101);
      await meet(await fail(later + 50), later + 100);
      await fail(later + 60);
      // Its worker's clock runs ahead: it was met before it failed.
      await ledger.letters.decide(await meet(await fail(later + 500), later + 100), { state: 'parked' }, later + 101);

      expect(await newest()).toBe(later);
      expect(await newest(later)).toBeNull();
    });

    it('name the types of what waits, whether anybody knows them or not', async () => {
      const [waits, lapsed, young, claimed] = ['a', 'b', 'c', 'd'].map((name) => `type-${name}-${randomUUID()}`);
      if (!waits || !lapsed || !young || !claimed) throw new Error('no types');
      for (const type of [waits, waits]) await ledger.published(await submitted({ type }), { dispatch: 1, now });
      await ledger.published(await submitted({ type: young }), { dispatch: 1, now: quiet + 1 });
      await claimRun(ledger, await submitted({ type: lapsed }), now, { leaseMs: 5 });
      await claimRun(ledger, await submitted({ type: claimed }), quiet);

      const types = await other.sweeps.waitingTypes(quiet);

      expect(types.filter((type) => [waits, lapsed, young, claimed].includes(type))).toEqual([waits, lapsed]);
    });

    it('do not take a replayed task for proof: its present message was not claimed', async () => {
      const type = `type-${randomUUID()}`;
      const id = await submitted({ type });
      const token = await claimRun(ledger, id, now);
      await ledger.fail(id, { token, now, failure: { code: 'not-found', message: 'gone' } });
      await ledger.park(id, { dispatch: 2, now, code: 'not-found', reason: 'gone' });
      await ledger.replay(id, { now: now + 1_000 });
      await ledger.published(id, { dispatch: 4, now: now + 1_000 });

      expect(await other.sweeps.newestClaimed(type, 5, 0)).toBeNull();
    });
  });

  describe('acts by hand', () => {
    const done = { by: 'ann', note: 'asked them by telephone' };

    async function parkedTask(): Promise<string> {
      const id = await submitted();
      await ledger.park(id, { dispatch: 1, now, code: 'refused', reason: 'no' });
      return id;
    }

    async function parkedLetter(taskId: string | null, dispatch: number | null = 2): Promise<string> {
      const { letter } = await ledger.letters.receive(
        {
          taskId,
          type: 'summarize',
          dispatch,
          code: 'refused',
          reason: 'no',
          body: randomBytes(16),
          properties: '{}',
          sourceQueue: 'tasks.summarize',
          routingKey: 'summarize.normal',
          related: {},
        },
        now,
      );
      await ledger.letters.decide(letter.id, { state: 'parked' }, now);
      return letter.id;
    }

    it('complete a parked task with their result, and say so in the same transaction', async () => {
      const id = await parkedTask();
      const answer = await ledger.completeByHand(id, { dispatch: 2, now: now + 1, result: '{"a":1}', byHand: done });
      expect(answer).toMatchObject({ kind: 'moved', task: { state: 'completed', dispatch: 3, owed: null } });
      expect(await other.queries.task(id)).toMatchObject({
        state: 'completed',
        reasonCode: null,
        reason: 'by hand, by ann: asked them by telephone',
        finishedAt: now + 1,
      });
      expect(await other.queries.result(id)).toEqual({ result: '{"a":1}', cost: null, completedAt: now + 1 });
      expect(await other.queries.actsByHand(id)).toEqual([{ act: 'complete', ...done, to: null, at: now + 1 }]);
    });

    it('complete one with no result at all', async () => {
      const id = await parkedTask();
      await ledger.completeByHand(id, { dispatch: 2, now, result: null, byHand: { by: 'ann', note: null } });
      expect(await other.queries.task(id)).toMatchObject({ state: 'completed', reason: 'by hand, by ann' });
      expect(await other.queries.result(id)).toBeUndefined();
    });

    it('of two who complete it at once, one did', async () => {
      const id = await parkedTask();
      const answers = await Promise.all(
        [ledger, other].map((one, index) =>
          one.completeByHand(id, { dispatch: 2, now, result: String(index), byHand: done }),
        ),
      );
      expect(answers.map(({ kind }) => kind).sort()).toEqual(['moved', 'refused']);
      expect(await ledger.queries.actsByHand(id)).toHaveLength(1);
    });

    it('are refused, and not on record, where the task has moved on since it was looked at', async () => {
      const id = await parkedTask();
      await ledger.replay(id, { now });
      const complete = (dispatch: number) => ledger.completeByHand(id, { dispatch, now, result: null, byHand: done });
      expect(await complete(2)).toEqual({ kind: 'refused', why: expect.stringContaining('it is accepted') });
      await ledger.park(id, { dispatch: 3, now, code: 'refused', reason: 'no' });
      expect(await complete(2)).toEqual({ kind: 'refused', why: expect.stringContaining('moved on') });
      expect(await ledger.queries.actsByHand(id)).toEqual([]);
      expect(await complete(4)).toMatchObject({ kind: 'moved' });
      expect(await ledger.completeByHand(randomUUID(), { dispatch: 1, now, result: null, byHand: done })).toEqual({
        kind: 'refused',
        why: 'there is no such task',
      });
    });

    it('replay and cancel with who and why, the oldest first', async () => {
      const id = await parkedTask();
      await ledger.replay(id, { now: now + 1, byHand: { by: 'bob 研究', note: 'mended\0' } });
      await ledger.cancel(id, { now: now + 2, reason: 'too late', byHand: { by: 'ann', note: 'too late' } });
      expect(await other.queries.actsByHand(id)).toEqual([
        { act: 'replay', by: 'bob 研究', note: 'mended\uFFFD', to: null, at: now + 1 },
        { act: 'cancel', by: 'ann', note: 'too late', to: null, at: now + 2 },
      ]);
    });

    it('escalate what is parked, the latest counts, and a decision ends it but not its record', async () => {
      const taskId = await parkedTask();
      const [ofTask, raw] = [await parkedLetter(taskId), await parkedLetter(null, null)];
      const act = (to: string, at: number) => ({ act: 'escalate', by: 'ann', note: null, to, at }) as const;
      for (const id of [ofTask, raw]) {
        expect(await ledger.letters.escalate(id, 'bob', act('bob', now + 1))).toBe(true);
        expect(await other.letters.escalate(id, 'carol', act('carol', now + 2))).toBe(true);
        const letter = await other.letters.find(id);
        expect(letter).toMatchObject({ state: 'parked', escalatedTo: 'carol', escalatedAt: now + 2 });
        expect(await other.letters.actsByHand({ id, taskId: letter?.taskId ?? null })).toEqual([
          act('bob', now + 1),
          act('carol', now + 2),
        ]);
        await ledger.letters.decide(id, { state: 'replayed' }, now + 3);
        expect(await other.letters.find(id)).toMatchObject({ escalatedTo: null, escalatedAt: null });
        expect(await ledger.letters.escalate(id, 'bob', act('bob', now + 4))).toBe(false);
        expect(await other.letters.actsByHand({ id, taskId: letter?.taskId ?? null })).toHaveLength(2);
      }
    });

    it('escalate nothing whose task is no longer parked', async () => {
      const taskId = await parkedTask();
      const id = await parkedLetter(taskId);
      await ledger.replay(taskId, { now });
      const act = { act: 'escalate', by: 'ann', note: null, to: 'bob', at: now } as const;
      expect(await ledger.letters.escalate(id, 'bob', act)).toBe(false);
      expect(await ledger.queries.actsByHand(taskId)).toEqual([]);
    });

    it('outlive another copy of what waits, and not the next failure', async () => {
      const taskId = await parkedTask();
      const id = await parkedLetter(taskId);
      const act = { act: 'escalate', by: 'ann', note: null, to: 'bob', at: now } as const;
      await ledger.letters.escalate(id, 'bob', act);
      await parkedLetter(taskId);
      expect(await ledger.letters.find(id)).toMatchObject({ timesSeen: 2, escalatedTo: 'bob' });
      await parkedLetter(taskId, 4);
      expect(await ledger.letters.find(id)).toMatchObject({ timesSeen: 3, escalatedTo: null });
    });

    it('are found by whom a letter is escalated to, and counted without a limit', async () => {
      const type = `type-${randomUUID()}`;
      const ids: string[] = [];
      for (const to of ['bob', 'carol', undefined]) {
        const { letter } = await ledger.letters.receive(
          {
            taskId: null,
            type,
            dispatch: null,
            code: 'malformed',
            reason: 'no',
            body: randomBytes(16),
            properties: '{}',
            sourceQueue: 'submitted',
            routingKey: '',
            related: {},
          },
          now + ids.length,
        );
        await ledger.letters.decide(letter.id, { state: 'parked' }, now);
        if (to) await ledger.letters.escalate(letter.id, to, { act: 'escalate', by: 'ann', note: null, to, at: now });
        ids.push(letter.id);
      }
      const [bobs = '', carols = '', nobodys = ''] = ids;
      const list = async (filter: object) =>
        (await other.letters.outlines({ types: [type], limit: 10, ...filter })).map(({ id }) => id);
      expect(await list({})).toEqual([nobodys, carols, bobs]);
      expect(await list({ escalated: true })).toEqual([carols, bobs]);
      expect(await list({ escalated: false })).toEqual([nobodys]);
      expect(await list({ escalated: ['bob', 'dave'] })).toEqual([bobs]);
      expect(await list({ limit: 1, after: { id: nobodys, lastSeen: now + 2 } })).toEqual([carols]);
      expect(await other.letters.matching({ types: [type], escalated: true })).toBe(2);
      const [outline] = await other.letters.outlines({ types: [type], limit: 1 });
      const { body: _body, properties: _properties, ...rest } = (await other.letters.find(nobodys)) ?? {};
      expect(outline).toEqual(rest);
    });

    it('at the same millisecond follow each other from page to page', async () => {
      const type = `type-${randomUUID()}`;
      const tenant = randomUUID();
      const taskIds = await Promise.all(Array.from({ length: 7 }, () => submitted({ tenant, createdAt: now })));
      for (const taskId of taskIds) {
        await ledger.letters.receive(
          {
            taskId,
            type,
            dispatch: 2,
            code: 'timeout',
            reason: 'late',
            body: Buffer.alloc(0),
            properties: '{}',
            sourceQueue: '',
            routingKey: '',
            related: {},
          },
          now,
        );
      }
      const letters = await pagesOf<LetterOutline>((place) =>
        other.letters.outlines({ types: [type], limit: 3, ...place }),
      );
      expect(letters.map(({ taskId }) => taskId).toSorted()).toEqual(taskIds.toSorted());
      const tasks = await pagesOf<Task>((place) => other.queries.tasks({ tenants: [tenant], limit: 3, ...place }));
      expect(tasks.map(({ id }) => id)).toEqual(taskIds.toSorted().toReversed());
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

/** Page after page, to the empty one. */
async function pagesOf<Row>(next: (place: { after?: Row }) => Promise<readonly Row[]>): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const last = rows.at(-1);
    const page = await next(last === undefined ? {} : { after: last });
    if (page.length === 0) return rows;
    rows.push(...page);
  }
}
