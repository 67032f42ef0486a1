import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sharePrefetch } from './share-prefetch.js';

const lanes = (busy: readonly boolean[]) =>
  [6, 3, 1].map((weight, index) => ({ weight, isBusy: busy[index] ?? false }));

describe('prefetches', () => {
  it.each([
    [1, [true, true, true], [1, 1, 1]],
    [1, [false, false, false], [1, 1, 1]],
    [10, [true, true, true], [6, 4, 2]],
    [10, [false, true, false], [1, 10, 1]],
    [10, [true, false, true], [9, 1, 2]],
    [10, [false, false, false], [6, 4, 2]],
  ])('of lanes for %d tasks at once, busy %j, are %j', (concurrency, busy, shares) => {
    expect(sharePrefetch(concurrency, lanes(busy))).toEqual(shares);
  });

  it('of a queue alone is the concurrency', () => {
    expect(sharePrefetch(7, [{ weight: 3, isBusy: false }])).toEqual([7]);
  });

  const sharer = fc.record({ weight: fc.integer({ min: 1, max: 10 }), isBusy: fc.boolean() });
  const sharers = fc.array(sharer, { minLength: 1, maxLength: 8 });
  const concurrency = fc.integer({ min: 1, max: 1_000 });

  it('add up to the concurrency and one for each other queue, and leave none without', () => {
    fc.assert(
      fc.property(concurrency, sharers, (count, given) => {
        const shares = sharePrefetch(count, given);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(count + given.length - 1);
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  it('give an idle queue one where another is busy, and of two busy ones the heavier no less', () => {
    fc.assert(
      fc.property(concurrency, sharers, (count, given) => {
        const shares = sharePrefetch(count, given);
        const share = (index: number) => shares[index] ?? 0;
        const busy = given.flatMap((one, index) => (one.isBusy ? [index] : []));
        for (const [index, { isBusy }] of given.entries()) if (busy.length > 0 && !isBusy) expect(share(index)).toBe(1);
        for (const one of busy)
          for (const other of busy)
            if ((given[one]?.weight ?? 0) > (given[other]?.weight ?? 0))
              expect(share(one)).toBeGreaterThanOrEqual(share(other));
      }),
    );
  });
});
