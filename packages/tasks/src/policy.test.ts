import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defaultPolicy, largestBodyBytes, maxAttemptTimeoutMs, type TaskPolicy } from './policy.js';
import { defineTaskType } from './task-type.js';
import { findTaskType, taskTypes } from './task-types.js';

describe.each(taskTypes.map((type) => [type.name, type.policy] as const))('the policy of %s', (_, policy) => {
  it('lets a task be tried, crash and be retried at least once', () => {
    const { attemptTimeoutMs, backoff, concurrency, leaseMs, maxAttempts, maxBodyBytes, maxCrashes, queueTtlMs } =
      policy;
    const counts = [attemptTimeoutMs, concurrency, leaseMs, maxAttempts, maxBodyBytes, maxCrashes, queueTtlMs];
    expect(counts.every((count) => Number.isSafeInteger(count) && count > 0)).toBe(true);
    expect(maxCrashes).toBeGreaterThan(1);
    expect(backoff.factor).toBeGreaterThanOrEqual(1);
    expect(backoff.maxMs).toBeGreaterThanOrEqual(backoff.baseMs);
  });

  it('keeps a message longer than an attempt takes, and takes no body that a broker refuses', () => {
    expect(policy.queueTtlMs).toBeGreaterThan(policy.attemptTimeoutMs);
    expect(policy.maxBodyBytes).toBeLessThanOrEqual(largestBodyBytes);
  });
});

describe('a task type', () => {
  const define = (name: string) => defineTaskType({ name, summary: '', input: z.unknown(), result: z.unknown() });

  it('has the defaults for what its policy leaves out', () => {
    const type = defineTaskType({
      name: 'a',
      summary: '',
      input: z.unknown(),
      result: z.unknown(),
      policy: { leaseMs: 1 },
    });
    expect(type.policy).toEqual({ ...defaultPolicy, leaseMs: 1 });
  });

  it('has no attempt longer than brokers wait for an ack, and no body that they refuse', () => {
    const withPolicy = (policy: Partial<TaskPolicy>) => () =>
      defineTaskType({ name: 'a', summary: '', input: z.unknown(), result: z.unknown(), policy });
    expect(withPolicy({ attemptTimeoutMs: maxAttemptTimeoutMs, maxBodyBytes: largestBodyBytes })).not.toThrow();
    expect(withPolicy({ attemptTimeoutMs: 30 * 60_000 })).toThrow('task type "a": policy attemptTimeoutMs is 1800000');
    expect(withPolicy({ maxBodyBytes: largestBodyBytes + 1 })).toThrow('policy maxBodyBytes');
  });

  it.each(['a', 'summarize', 'a1', 'a-b-c', 'x'.repeat(64)])('may be called "%s"', (name) => {
    expect(define(name).name).toBe(name);
  });

  it.each(['', 'A', '1a', '0', 'a.b', 'a_b', 'a--b', '-a', 'a-', 'a b', 'a*', 'a#', 'é', 'x'.repeat(65)])(
    'may not be called "%s"',
    (name) => {
      expect(() => define(name)).toThrow(/routing word/);
    },
  );

  it('is found by its name alone', () => {
    expect(findTaskType('research')?.name).toBe('research');
    expect([findTaskType('Research'), findTaskType(''), findTaskType('__proto__')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
