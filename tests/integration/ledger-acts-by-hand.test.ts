import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Ledger } from '@warren/ledger';
import { newLetter } from '../fixtures/letter.js';
import { type LedgerPair, ledgerKinds, ledgerPair } from './support/ledger.js';

const now = 1_800_000_000_000;

describe.each(ledgerKinds)('acts by hand on $kind', ({ makeHome }) => {
  const pair = ledgerPair(makeHome);
  let ledger: Ledger;
  let other: Ledger;
  let submitted: LedgerPair['submitted'];
  beforeAll(() => {
    ({ ledger, other, submitted } = pair());
  });

  const done = { by: 'ann', note: 'asked them by telephone' };

  async function parkedTask(): Promise<string> {
    const id = await submitted();
    await ledger.park(id, { dispatch: 1, now, code: 'refused', reason: 'no' });
    return id;
  }

  async function parkedLetter(taskId: string | null, dispatch: number | null = 2): Promise<string> {
    const { letter } = await ledger.letters.receive(
      newLetter({ taskId, dispatch, code: 'refused', reason: 'no' }),
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
      const { letter } = await ledger.letters.receive(newLetter({ type }), now + ids.length);
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
});
