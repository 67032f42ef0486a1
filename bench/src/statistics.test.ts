import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { median, percentile } from './statistics.js';

const values = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1, maxLength: 50 });

describe('statistics', () => {
  it('the median has as many values below as above', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    fc.assert(
      fc.property(values, (given) => {
        const middle = median(given);
        const below = given.filter((value) => value < middle).length;
        const above = given.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(given.length / 2);
      }),
    );
  });

  it('a percentile is one of the values, and its share does not exceed it', () => {
    expect(percentile([5, 1, 3, 2, 4], 0.5)).toBe(3);
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (given, share) => {
        const found = percentile(given, share);
        expect(given).toContain(found);
        expect(given.filter((value) => value <= found).length).toBeGreaterThanOrEqual(share * given.length);
        expect(given.filter((value) => value < found).length).toBeLessThanOrEqual(share * given.length);
      }),
    );
  });
});
