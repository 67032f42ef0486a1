import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createBackoff, defaultReconnectPolicy, reconnectDelayMs } from './reconnect-backoff.js';

const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const policies = fc
  .record({ baseMs: fc.integer({ min: 1, max: 10_000 }), factor: fc.integer({ min: 1, max: 1_000 }) })
  .map(({ baseMs, factor }) => ({ baseMs, maxMs: baseMs * factor }));

describe('reconnectDelayMs', () => {
  it('lies in the upper half of a ceiling that doubles up to the maximum', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fraction, policies, (attempt, random, policy) => {
        const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1));
        const delay = reconnectDelayMs(attempt, random, policy);
        expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
        expect(delay).toBeLessThanOrEqual(ceiling);
      }),
    );
  });

  it.each([
    [1, 100, 200],
    [2, 200, 400],
    [4, 800, 1_600],
    [7, 5_000, 10_000],
  ])('attempt %i waits %i to %i ms by default', (attempt, shortest, longest) => {
    expect(reconnectDelayMs(attempt, 0)).toBe(shortest);
    expect(reconnectDelayMs(attempt, 1)).toBe(longest);
  });
});

describe('createBackoff', () => {
  it('goes on counting while what it opens does not last', () => {
    let clock = 0;
    const backoff = createBackoff(
      defaultReconnectPolicy,
      () => 0,
      () => clock,
    );
    const waits = [1, 2, 3].map(() => {
      backoff.opened();
      clock += defaultReconnectPolicy.maxMs - 1;
      return backoff.nextDelayMs();
    });
    expect(waits).toEqual([100, 200, 400]);
  });

  it('starts again after what it opened has lasted', () => {
    let clock = 0;
    const backoff = createBackoff(
      defaultReconnectPolicy,
      () => 0,
      () => clock,
    );
    backoff.nextDelayMs();
    backoff.nextDelayMs();
    backoff.opened();
    clock += defaultReconnectPolicy.maxMs;
    expect(backoff.nextDelayMs()).toBe(100);
    expect(backoff.nextDelayMs()).toBe(200);
  });
});
