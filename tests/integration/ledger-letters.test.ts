import { randomBytes, randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type {
  Ledger,
  LetterOutline,
  LetterPlace,
  LetterState,
  SettledLetters,
  Task,
  TaskPlace,
  UntoldTasks,
} from '@warren/ledger';
import { newLetter, receivedLetter } from '../fixtures/letter.js';
import { type LedgerPair, ledgerKinds, ledgerPair } from './support/ledger.js';

const now = 1_800_000_000_000;

describe.each(ledgerKinds)('letters on $kind', ({ makeHome }) => {
  const pair = ledgerPair(makeHome);
  let ledger: Ledger;
  let other: Ledger;
  let submitted: LedgerPair['submitted'];
  beforeAll(() => {
    ({ ledger, other, submitted } = pair());
  });

  it('are kept byte for byte', async () => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const given = newLetter({ body, reason: 'a\0b', routingKey: 'summarize.\0' });

    const { kind, letter: kept } = await ledger.letters.receive(given, now);

    expect(kind).toBe('new');
    const readable = { ...given, reason: 'a\uFFFDb', routingKey: 'summarize.\uFFFD' };
    expect(await other.letters.find(kept.id)).toEqual({ ...receivedLetter(readable, now), id: kept.id });
  });

  it('of a mebibyte, of nothing, and of half a character are kept', async () => {
    for (const body of [randomBytes(1024 * 1024), Buffer.alloc(0), Buffer.from([0xed, 0xa0, 0x80])]) {
      const { letter: kept } = await ledger.letters.receive(newLetter({ body }), now);
      expect((await other.letters.find(kept.id))?.body.equals(body)).toBe(true);
    }
  });

  it('that are the same bytes for the same type are one letter, wherever they are met', async () => {
    const given = newLetter();
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

  it('of messages that became no task are found by the id that they gave themselves, the newest first', async () => {
    const claimedId = randomUUID();
    const taskId = await submitted();
    await ledger.letters.receive(newLetter({ related: { tenant: `"claimedId":"${claimedId}"` } }), now + 9);
    await ledger.letters.receive(newLetter({ related: { claimedId: randomUUID() } }), now + 9);
    await ledger.letters.receive(newLetter({ taskId, dispatch: 1, related: { claimedId } }), now + 9);
    expect(await other.letters.claiming(claimedId)).toBeUndefined();

    const related = { tenant: 'acme', claimedId };
    const { letter: newest } = await ledger.letters.receive(newLetter({ related }), now + 2);
    await ledger.letters.receive(newLetter({ related }), now + 1);
    expect(await other.letters.claiming(claimedId)).toEqual(newest);
  });

  it('of a task are one letter, met at each of its failures', async () => {
    const taskId = await submitted();
    const first = await ledger.letters.receive(newLetter({ taskId, dispatch: 2, code: 'network' }), now);
    const again = await ledger.letters.receive(newLetter({ taskId, dispatch: 2, code: 'network' }), now + 1);
    await ledger.letters.decide(first.letter.id, { state: 'retrying', rule: 'transient' }, now + 2);
    const next = await ledger.letters.receive(
      newLetter({ taskId, dispatch: 4, code: 'timeout', reason: 'slow' }),
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
    const given = newLetter();

    const met = await Promise.all([ledger, other, ledger, other].map((one) => one.letters.receive(given, now)));

    expect(new Set(met.map((answer) => answer.letter.id)).size).toBe(1);
    expect(met.filter(({ kind }) => kind === 'new')).toHaveLength(1);
    expect(await ledger.letters.find(met[0]?.letter.id ?? '')).toMatchObject({ timesSeen: 4 });
  });

  it('that are copies of one message are one letter by what they have in common', async () => {
    const body = randomBytes(64);
    const copy = (name: string) =>
      newLetter({ body, properties: `{"headers":{"x-copy":"${name}"}}`, identity: '{"headers":{}}' });

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
    const { letter: kept } = await ledger.letters.receive(newLetter(), now);

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
    const { letter: kept } = await ledger.letters.receive(newLetter(), now);
    expect(await ledger.letters.decide(kept.id, { state, resolution: 'first' }, now + 1)).toBe(true);

    expect(await other.letters.decide(kept.id, { state: late, resolution: 'late' }, now + 2)).toBe(false);

    expect(await ledger.letters.find(kept.id)).toMatchObject({ state, resolution: 'first' });
  });

  it.each(['parked', 'retrying'] as const)('that are %s are a person to decide', async (state) => {
    for (const decision of ['replayed', 'cancelled'] as const) {
      const { letter: kept } = await ledger.letters.receive(newLetter(), now);
      await ledger.letters.decide(kept.id, { state }, now + 1);

      expect(await other.letters.decide(kept.id, { state: decision }, now + 2)).toBe(true);

      expect(await ledger.letters.find(kept.id)).toMatchObject({ state: decision, resolvedAt: now + 2 });
    }
  });

  it('that were met for another dispatch are not decided by what was thought of the one before', async () => {
    const taskId = await submitted();
    const { letter: first } = await ledger.letters.receive(newLetter({ taskId, dispatch: 2 }), now);
    await ledger.letters.receive(newLetter({ taskId, dispatch: 4 }), now + 1);
    const raw = await ledger.letters.receive(newLetter(), now);

    expect(await other.letters.decide(first.id, { state: 'retrying', dispatch: first.dispatch }, now + 2)).toBe(false);
    expect(await ledger.letters.find(first.id)).toMatchObject({ state: 'received', dispatch: 4, unfinished: 1 });
    expect(await other.letters.decide(first.id, { state: 'parked', dispatch: 4 }, now + 3)).toBe(true);
    expect(await other.letters.decide(raw.letter.id, { state: 'parked', dispatch: null }, now + 3)).toBe(true);
  });

  it('that come late, about a dispatch before the one that was met, change nothing', async () => {
    const taskId = await submitted();
    await ledger.letters.receive(newLetter({ taskId, dispatch: 4, code: 'timeout' }), now);
    const { id } = (await other.letters.receive(newLetter({ taskId, dispatch: 2, code: 'network' }), now + 1)).letter;
    const kept = { dispatch: 4, code: 'timeout', timesSeen: 1, lastSeen: now };
    expect(await ledger.letters.find(taskId)).toMatchObject({ id, ...kept });
  });

  it('that were met again since are not decided by what was seen of them before', async () => {
    const given = newLetter();
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
    const { letter: first } = await ledger.letters.receive(newLetter({ taskId, dispatch: 4 }), now);
    const raw = await ledger.letters.receive(newLetter(), now);
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
    const old = await ledger.letters.receive(newLetter({ type, taskId, dispatch: 2, code: 'network' }), now);
    const young = await ledger.letters.receive(newLetter({ type }), now + 5);
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
    const { letter: kept } = await ledger.letters.receive(newLetter({ taskId, dispatch: 1 }), now);
    await ledger.letters.decide(kept.id, { state: 'parked' }, now);
    const settle = async (state: LetterState) => (await other.letters.settleFinished(state, now + 1, 1_000)).settled;
    expect(await settle('parked')).toBe(0);
    await ledger.cancel(taskId, { now, reason: 'not wanted' });

    expect(await settle('retrying')).toBe(0);
    expect(await settle('parked')).toBe(1);

    expect(await ledger.letters.find(taskId)).toMatchObject({ state: 'settled', resolvedAt: now + 1 });
  });

  it('are looked at a part at a time, in the order in which they were seen', async () => {
    const finished: string[] = [];
    for (const lastSeen of [now - 9, now - 9, now - 8]) {
      const taskId = await submitted();
      const { letter } = await ledger.letters.receive(newLetter({ taskId, dispatch: 1 }), lastSeen);
      await ledger.letters.decide(letter.id, { state: 'retrying' }, now);
      await ledger.cancel(taskId, { now, reason: 'not wanted' });
      finished.push(letter.id);
    }
    const [last, ...first] = finished.toReversed();
    const seen: (string | undefined)[] = [];
    let place: LetterPlace | undefined = { id: '', lastSeen: now - 10 };
    for (let part = 0; part < 3; part++) {
      const looked: SettledLetters = await other.letters.settleFinished('retrying', now + 1, 1, place);
      expect(looked.settled).toBe(1);
      place = looked.last;
      seen.push(place?.id);
    }
    expect(seen).toEqual([...first.toSorted(), last]);
  });

  describe('of a task that waits for a person', () => {
    const note = { code: 'not-found', reason: 'gone\0', rule: 'not-found', advice: 'replay it' } as const;

    /** Parked at `at`, with a letter that somebody left in this state. */
    async function parkedTask(state: LetterState, at: number): Promise<Task> {
      const taskId = await submitted();
      const { letter } = await ledger.letters.receive(newLetter({ taskId, dispatch: 1 }), at);
      if (state !== 'received') await ledger.letters.decide(letter.id, { state, resolution: 'of old' }, at);
      const parked = await ledger.park(taskId, { dispatch: 1, now: at, code: 'not-found', reason: 'gone' });
      if (parked.kind !== 'moved') throw new Error('the task was not parked');
      return parked.task;
    }

    async function untold(since: number): Promise<readonly string[]> {
      return (await other.sweeps.untold(since, 1_000)).tasks.map(({ id }) => id);
    }

    it.each(['received', 'retrying', 'settled'] as const)(
      'and that are %s are found, and told of it',
      async (state) => {
        const task = await parkedTask(state, now);
        expect(await untold(now - 1)).not.toContain(task.id);
        expect((await other.sweeps.untold(now, 1_000)).tasks).toContainEqual(task);

        expect(await other.letters.tellParked(task, note)).toBe(true);

        const told = {
          ...note,
          reason: 'gone\uFFFD',
          state: 'parked',
          unfinished: 0,
          resolvedAt: null,
          resolution: null,
        };
        expect(await ledger.letters.find(task.id)).toMatchObject(told);
        expect(await untold(now)).not.toContain(task.id);
        expect(await other.letters.tellParked(task, note)).toBe(false);
      },
    );

    it.each(['parked', 'replayed', 'cancelled', 'completed'] as const)(
      'and that are %s are left alone',
      async (state) => {
        const task = await parkedTask(state, now);
        expect(await untold(now)).not.toContain(task.id);
        expect(await other.letters.tellParked(task, note)).toBe(false);
        expect(await ledger.letters.find(task.id)).toMatchObject({ state, reason: 'is not JSON' });
      },
    );

    it('are not told of it when it has moved on since, even to where it waits once more', async () => {
      const task = await parkedTask('received', now);
      await ledger.replay(task.id, { now });
      expect(await untold(now)).not.toContain(task.id);
      expect(await other.letters.tellParked(task, note)).toBe(false);
      await ledger.park(task.id, { dispatch: 3, now, code: 'refused', reason: 'no' });
      expect(await other.letters.tellParked(task, note)).toBe(false);
      expect(await ledger.letters.find(task.id)).toMatchObject({ state: 'received' });
    });

    it('are looked at a part at a time, longest parked first', async () => {
      const before = now - 1_000;
      const [late, one, told] = [
        await parkedTask('received', before),
        await parkedTask('received', before - 1),
        await parkedTask('parked', before - 1),
      ];
      const looked: unknown[] = [];
      let place: TaskPlace | undefined;
      for (let part = 0; part < 3; part++) {
        const answer: UntoldTasks = await other.sweeps.untold(before, 1, place);
        place = answer.last;
        looked.push([place?.id, answer.tasks.map(({ id }) => id)]);
      }
      const early = [one, told].toSorted((a, b) => (a.id < b.id ? -1 : 1));
      expect(looked).toEqual([...early, late].map(({ id }) => [id, id === told.id ? [] : [id]]));
      expect(await other.sweeps.untold(before, 1, place)).toEqual({ tasks: [], last: undefined });
    });
  });

  it('at the same millisecond follow each other from page to page', async () => {
    const type = `type-${randomUUID()}`;
    const tenant = randomUUID();
    const taskIds = await Promise.all(Array.from({ length: 7 }, () => submitted({ tenant, createdAt: now })));
    for (const taskId of taskIds) {
      await ledger.letters.receive(newLetter({ taskId, type, dispatch: 2 }), now);
    }
    const letters = await pagesOf<LetterOutline>((place) =>
      other.letters.outlines({ types: [type], limit: 3, ...place }),
    );
    expect(letters.map(({ taskId }) => taskId).toSorted()).toEqual(taskIds.toSorted());
    const tasks = await pagesOf<Task>((place) => other.queries.tasks({ tenants: [tenant], limit: 3, ...place }));
    expect(tasks.map(({ id }) => id)).toEqual(taskIds.toSorted().toReversed());
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
