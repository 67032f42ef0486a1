import { describe, expect, it, jest } from '@jest/globals';
import { createSharedSync, forgettableForMs } from './shared-sync.js';

/** A disk whose flushes end when they are told to. */
function slowDisk() {
  const told: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const operation = (name: string) => () => {
    told.push(name);
    return new Promise<void>((resolve, reject) => {
      ends.push((error) => (error ? reject(error) : resolve()));
    });
  };
  const shared = createSharedSync({ flush: operation('flush'), rewrite: operation('rewrite') });
  const end = async (error?: Error) => {
    ends.shift()?.(error);
    await new Promise(setImmediate);
  };
  return { shared, told, end };
}

const broken = new Error('i/o error');

describe('a shared sync', () => {
  it('is not satisfied by a flush that began before the commit, and shared by those that come meanwhile', async () => {
    const { shared, told, end } = slowDisk();
    const settled: string[] = [];
    const first = shared.sync().then(() => settled.push('first'));
    const later = [shared.sync(), shared.sync()].map((one) => one.then(() => settled.push('later')));
    await end();
    expect(settled).toEqual(['first']);
    expect(told).toEqual(['flush', 'flush']);
    await end();
    await Promise.all([first, ...later]);
    expect(told).toEqual(['flush', 'flush']);
  });

  it('vouches for nothing after a failure until everything was written anew', async () => {
    const { shared, told, end } = slowDisk();
    const failed = shared.sync();
    await Promise.all([expect(failed).rejects.toBe(broken), end(broken)]);
    const again = shared.sync();
    await Promise.all([expect(again).rejects.toBe(broken), end(broken)]);
    const repaired = shared.sync();
    await end();
    await repaired;
    const next = shared.sync();
    await end();
    await next;
    expect(told).toEqual(['flush', 'rewrite', 'rewrite', 'flush']);
  });

  it('lets one that waits for another which fails begin anew', async () => {
    const { shared, told, end } = slowDisk();
    const failed = shared.sync();
    const waiting = shared.sync();
    await Promise.all([expect(failed).rejects.toBe(broken), end(broken)]);
    await end();
    await waiting;
    expect(told).toEqual(['flush', 'rewrite']);
  });

  it('begins none beside the one that is queued, which could forget that the other failed', async () => {
    const { shared, told, end } = slowDisk();
    const first = shared.sync();
    const queued = shared.sync();
    // The one that ran has ended, the queued one is still to begin.
    const between = first.then(() => shared.sync());
    await end();
    expect(told).toEqual(['flush', 'flush']);
    const failed = Promise.all([queued, between].map((one) => expect(one).rejects.toBe(broken)));
    await Promise.all([failed, end(broken)]);
    const next = shared.sync();
    await end();
    await next;
    expect(told).toEqual(['flush', 'flush', 'rewrite']);
  });

  it('comes by itself for what nobody waits for, once', async () => {
    const { shared, told, end } = slowDisk();
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      shared.syncSoon();
      shared.syncSoon();
      jest.advanceTimersByTime(forgettableForMs - 1);
      expect(told).toEqual([]);
      jest.advanceTimersByTime(forgettableForMs);
      expect(told).toEqual(['flush']);
      await end();
      // One that begins before is as good.
      shared.syncSoon();
      const asked = shared.sync();
      await end();
      await asked;
      jest.advanceTimersByTime(forgettableForMs * 2);
      expect(told).toEqual(['flush', 'flush']);
    } finally {
      jest.useRealTimers();
    }
  });
});
