import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Ledger, Task } from '@warren/ledger';
import { newLetter } from '../fixtures/letter.js';
import { claimRun, confirm, type LedgerPair, ledgerKinds, ledgerPair } from './support/ledger.js';

const now = 1_800_000_000_000;

describe.each(ledgerKinds)('sweeps on $kind', ({ makeHome }) => {
  const pair = ledgerPair(makeHome);
  let ledger: Ledger;
  let other: Ledger;
  let submitted: LedgerPair['submitted'];
  beforeAll(() => {
    ({ ledger, other, submitted } = pair());
  });

  const quiet = now + 60_000;

  it('find the publishes that are owed, oldest first', async () => {
    const before = 1_000_000;
    const ids = [await submitted({ dispatchedAt: before - 1 }), await submitted({ dispatchedAt: before - 2 })];
    const paid = await submitted({ dispatchedAt: before - 3 });
    await submitted({ dispatchedAt: before + 1 });
    await confirm(ledger, paid, now);

    expect((await other.sweeps.owed(before, 10)).map(({ id }) => id)).toEqual(ids.toReversed());
    const [first] = await other.sweeps.owed(before, 1);
    expect(first?.id).toBe(ids[1]);
    expect((await other.sweeps.owed(before, 1, first)).map(({ id }) => id)).toEqual([ids[0]]);

    const count = await other.sweeps.owedCount();
    for (const id of ids) await confirm(ledger, id, now);
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
      await confirm(ledger, id, at);
    }
    await claimRun(ledger, claimed, quiet - 10);
    await claimRun(ledger, lapsed, now + 2, { leaseMs: 5 });
    const token = await claimRun(ledger, done, now);
    await ledger.complete(done, { token, now, result: '{}', cost: null });

    expect((await other.sweeps.waiting(type, quiet, 10)).map(({ id }) => id)).toEqual([waiting, delayed, lapsed]);
    const [first] = await other.sweeps.waiting(type, quiet, 1);
    expect((await other.sweeps.waiting(type, quiet, 1, first)).map(({ id }) => id)).toEqual([delayed]);

    // The sweeper's copy of a lapsed run is noted, so that the next round leaves it alone.
    expect(await confirm(ledger, lapsed, quiet + 1)).toMatchObject({ kind: 'moved' });
    expect((await other.sweeps.waiting(type, quiet, 10)).map(({ id }) => id)).toEqual([waiting, delayed]);
  });

  it('leave a task alone that its worker gave back: first what it owes is published, then that message has its time', async () => {
    const type = `type-${randomUUID()}`;
    const id = await submitted({ type });
    await confirm(ledger, id, now);
    const token = await claimRun(ledger, id, now);
    await ledger.release(id, { token, now: quiet });
    const found = async (since: number) => (await other.sweeps.waiting(type, since, 10)).map((task) => task.id);

    expect(await found(quiet + 1_000)).toEqual([]);
    expect(await other.sweeps.waitingTypes(quiet + 1_000)).not.toContain(type);
    expect((await other.sweeps.owed(quiet, 1_000)).map((task) => task.id)).toContain(id);
    await confirm(ledger, id, quiet + 10);
    expect(await found(quiet + 10)).toEqual([]);
    expect(await found(quiet + 11)).toEqual([id]);
  });

  it('find letters that nobody decided', async () => {
    const id = await submitted();
    const token = await claimRun(ledger, id, now);
    await ledger.fail(id, { token, now, failure: { code: 'network', message: 'refused' } });
    const found = async () => (await other.sweeps.undecided(quiet, 100)).map((task) => task.id);

    expect(await found()).not.toContain(id);
    await confirm(ledger, id, now);
    expect(await found()).toContain(id);
    await ledger.retry(id, { dispatch: 2, now, dueAt: now });
    expect(await found()).not.toContain(id);
  });

  it('find letters longest published first, a part at a time', async () => {
    const before = 2_000_000;
    const ids: string[] = [];
    for (const published of [before, before - 1, before - 1]) {
      const id = await submitted({ dispatchedAt: before - 2 });
      const token = await claimRun(ledger, id, before - 2);
      await ledger.fail(id, { token, now: before - 2, failure: { code: 'network', message: 'refused' } });
      await confirm(ledger, id, published);
      ids.push(id);
    }
    const [last, ...first] = ids;
    const parts: (string | undefined)[] = [];
    let after: Task | undefined;
    for (let part = 0; part < 3; part++) {
      [after] = await other.sweeps.undecided(before, 1, after);
      parts.push(after?.id);
    }

    expect(parts).toEqual([...first.toSorted(), last]);
    expect(await other.sweeps.undecided(before, 1, after)).toEqual([]);
  });

  it('know since when a claim proves that the queue moved on', async () => {
    const type = `type-${randomUUID()}`;
    const newest = (since = 0) => other.sweeps.newestClaimed(type, { from: 0, to: 5 }, since);
    expect(await newest()).toBeNull();

    const claimed = await submitted({ type, createdAt: now - 50 });
    await claimRun(ledger, claimed, now);
    const unclaimed = await submitted({ type, createdAt: now - 10 });
    await confirm(ledger, unclaimed, now);
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

    expect(await other.sweeps.newestClaimed(type, { from: 0, to: 5 }, 0)).toBe(now - 50);
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
      (await ledger.letters.receive(newLetter({ taskId: id, dispatch: 2 }), at)).letter.id;
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
    for (const type of [waits, waits]) await confirm(ledger, await submitted({ type }), now);
    await confirm(ledger, await submitted({ type: young }), quiet + 1);
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
    await confirm(ledger, id, now + 1_000);

    expect(await other.sweeps.newestClaimed(type, { from: 0, to: 5 }, 0)).toBeNull();
  });
});
