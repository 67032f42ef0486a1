import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { endsInARow, healthyAfterMs, maxRestarts, maxRestartWaitMs, restartWaitMs } from './restart-policy.js';

describe('restartWaitMs', () => {
  it('doubles from half a second to half a minute, and then gives up', () => {
    const waits = Array.from({ length: maxRestarts + 1 }, (_, index) => restartWaitMs(index + 1));
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000, undefined]);
  });

  it('never waits longer than its limit, and never comes back after giving up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), (ended) => {
        const wait = restartWaitMs(ended);
        expect(wait === undefined).toBe(ended > maxRestarts);
        expect(wait ?? 0).toBeLessThanOrEqual(maxRestartWaitMs);
      }),
    );
  });
});

describe('endsInARow', () => {
  it('counts ends that come quickly, and forgets them after healthy work', () => {
    expect(endsInARow(0, 10)).toBe(1);
    expect(endsInARow(3, healthyAfterMs - 1)).toBe(4);
    expect(endsInARow(3, healthyAfterMs)).toBe(1);
  });
});
