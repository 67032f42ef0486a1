import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { forEachPaced } from './bounded-pace.js';

const never = new AbortController().signal;

async function* upTo(count: number) {
  for (let item = 0; item < count; item += 1) yield item;
}

describe('forEachPaced', () => {
  it('does everything once, in order of beginning, never more than allowed at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 1, max: 6 }),
        async (scheduler, count, concurrency) => {
          const begun: number[] = [];
          let underWay = 0;
          let most = 0;
          const all = forEachPaced(upTo(count), { concurrency, perSecond: undefined, signal: never }, async (item) => {
            begun.push(item);
            underWay += 1;
            most = Math.max(most, underWay);
            await scheduler.schedule(Promise.resolve());
            underWay -= 1;
          });
          await scheduler.waitFor(all);
          expect(begun).toEqual([...Array(count).keys()]);
          expect(most).toBeLessThanOrEqual(concurrency);
          expect(underWay).toBe(0);
        },
      ),
    );
  });

  it('after a failure begins nothing more, waits for the rest and throws it', async () => {
    const ended: number[] = [];
    const work = async (item: number) => {
      if (item === 1) throw new Error('no room');
      await new Promise(setImmediate);
      ended.push(item);
    };
    const all = forEachPaced(upTo(100), { concurrency: 3, perSecond: undefined, signal: never }, work);
    await expect(all).rejects.toThrow('no room');
    expect(ended).toContain(0);
    expect(ended.length).toBeLessThan(5);
  });

  it('begins nothing more when it is aborted, and leaves the source', async () => {
    const stop = new AbortController();
    let closed = false;
    async function* endless() {
      try {
        for (let item = 0; ; item += 1) yield item;
      } finally {
        closed = true;
      }
    }
    const done: number[] = [];
    await forEachPaced(endless(), { concurrency: 1, perSecond: 1_000_000, signal: stop.signal }, async (item) => {
      done.push(item);
      if (item === 4) stop.abort();
    });
    expect({ done, closed }).toEqual({ done: [0, 1, 2, 3, 4], closed: true });
  });

  it('is no faster than its rate', async () => {
    const at: number[] = [];
    await forEachPaced(upTo(6), { concurrency: 6, perSecond: 100, signal: never }, async () => {
      at.push(performance.now());
    });
    // Timers may be early by less than a millisecond; being late breaks nothing.
    expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeGreaterThan(45);
  });
});
