import { describe, expect, it } from '@jest/globals';
import { defaultPolicy } from '@warren/tasks';
import fc from 'fast-check';
import { backoffCeilingMs, decideRetry, maxRetryAfterMs, type RetryFacts } from './retry-decision.js';

const now = 1_700_000_000_000;
const usual: RetryFacts = {
  attempt: 1,
  maxAttempts: 5,
  backoff: defaultPolicy.backoff,
  notBefore: null,
  deadlineAt: null,
  now,
  random: 0.5,
};

const backoff = fc.record({
  baseMs: fc.integer({ min: 0, max: 60_000 }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  maxMs: fc.integer({ min: 0, max: 86_400_000 }),
});
const facts: fc.Arbitrary<RetryFacts> = fc.record({
  attempt: fc.integer({ min: 1, max: 2_000 }),
  maxAttempts: fc.integer({ min: 1, max: 2_000 }),
  backoff,
  notBefore: fc.option(fc.integer({ min: now - 1_000_000, max: now + 2 * maxRetryAfterMs })),
  deadlineAt: fc.option(fc.integer({ min: now - 1_000_000, max: now + 200_000_000 })),
  now: fc.constant(now),
  random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

describe('the ceiling of the backoff', () => {
  it.each([
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [4, 8_000],
    [5, 16_000],
    [10, 512_000],
    [11, 600_000],
    [5_000, 600_000],
  ])('is after attempt %i, by default, %i ms', (attempt, ms) => {
    expect(backoffCeilingMs(defaultPolicy.backoff, attempt)).toBe(ms);
  });

  it('never falls from one attempt to the next and never passes its limit', () => {
    fc.assert(
      fc.property(backoff, fc.integer({ min: 1, max: 3_000 }), (policy, attempt) => {
        const [here, next] = [backoffCeilingMs(policy, attempt), backoffCeilingMs(policy, attempt + 1)];
        expect(next).toBeGreaterThanOrEqual(here);
        expect(next).toBeLessThanOrEqual(policy.maxMs);
      }),
    );
  });
});

describe('a retry', () => {
  it('comes between now and the ceiling', () => {
    expect(decideRetry({ ...usual, random: 0 })).toEqual({ kind: 'retry', dueAt: now });
    expect(decideRetry({ ...usual, attempt: 3 })).toEqual({ kind: 'retry', dueAt: now + 2_000 });
  });

  it('waits for what the other side asked, and then for its jitter', () => {
    const notBefore = now + 30_000;
    expect(decideRetry({ ...usual, notBefore })).toEqual({ kind: 'retry', dueAt: notBefore + 500 });
  });

  it('ignores a wait that is over', () => {
    expect(decideRetry({ ...usual, notBefore: now - 1 })).toEqual({ kind: 'retry', dueAt: now + 500 });
  });

  it('is never before now or the wait asked for, never past the ceiling behind both, never behind the deadline', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const decision = decideRetry(given);
        if (decision.kind === 'park') return;
        const earliest = Math.max(given.now, given.notBefore ?? given.now);
        expect(decision.dueAt).toBeGreaterThanOrEqual(earliest);
        expect(decision.dueAt).toBeLessThanOrEqual(
          earliest + Math.ceil(backoffCeilingMs(given.backoff, given.attempt)),
        );
        expect(decision.dueAt).toBeLessThan(given.deadlineAt ?? Number.POSITIVE_INFINITY);
        expect(Number.isSafeInteger(decision.dueAt)).toBe(true);
      }),
    );
  });
});

describe('no retry', () => {
  it('follows the last attempt', () => {
    expect(decideRetry({ ...usual, attempt: 4 })).toMatchObject({ kind: 'retry' });
    expect(decideRetry({ ...usual, attempt: 5 })).toMatchObject({ kind: 'park', code: 'exhausted' });
  });

  it('falls on or behind the deadline', () => {
    expect(decideRetry({ ...usual, deadlineAt: now + 501 })).toMatchObject({ kind: 'retry' });
    expect(decideRetry({ ...usual, deadlineAt: now + 500 })).toMatchObject({ kind: 'park', code: 'expired' });
  });

  it('waits longer than a day for the other side', () => {
    const notBefore = now + maxRetryAfterMs;
    expect(decideRetry({ ...usual, notBefore })).toMatchObject({ kind: 'retry' });
    expect(decideRetry({ ...usual, notBefore: notBefore + 1 })).toMatchObject({ kind: 'park', code: 'exhausted' });
  });

  it('is decided for no other reason', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const ample = { ...given, maxAttempts: given.attempt + 1, deadlineAt: null, notBefore: null };
        expect(decideRetry(ample).kind).toBe('retry');
      }),
    );
  });
});
