import type { BackoffPolicy, ReasonCode } from '@warren/tasks';

/** The longest wait that another party may impose on an automatic retry: one day. Whoever asks for more gets a person. */
export const maxRetryAfterMs = 24 * 60 * 60 * 1_000;

export interface RetryFacts {
  /** The attempt that failed, counted from 1 within the present allowance. */
  readonly attempt: number;
  /** Attempts in one allowance. */
  readonly maxAttempts: number;
  readonly backoff: BackoffPolicy;
  /** Until when the other side asked us to stay away (Retry-After, counted from the failure); null: it did not. */
  readonly notBefore: number | null;
  readonly deadlineAt: number | null;
  readonly now: number;
  /** From [0, 1). */
  readonly random: number;
}

export type RetryDecision =
  | { readonly kind: 'retry'; readonly dueAt: number }
  | { readonly kind: 'park'; readonly code: ReasonCode; readonly reason: string };

/**
 * Whether and when a failed attempt is followed by another: exponential backoff with full jitter.
 *
 * The wait is anywhere between 0 and a ceiling, so that tasks that failed together do not come back together. With
 * `{ baseMs: 1000, factor: 2, maxMs: 600000 }`:
 *
 * | attempt that failed | ceiling | mean |
 * |--------------------:|--------:|-----:|
 * |                   1 |     1 s | 0.5 s |
 * |                   2 |     2 s |   1 s |
 * |                   3 |     4 s |   2 s |
 * |                   4 |     8 s |   4 s |
 * |                   5 |    16 s |   8 s |
 * |                  10 | 8 min 32 s | 4 min 16 s |
 * |         11 and more |  10 min |  5 min |
 *
 * A Retry-After comes first and the jitter after it: never earlier than asked, and not everybody at that very moment.
 * Pure; times are epoch milliseconds.
 */
export function decideRetry(facts: RetryFacts): RetryDecision {
  const { attempt, deadlineAt, maxAttempts, notBefore, now } = facts;
  if (attempt >= maxAttempts) {
    return { kind: 'park', code: 'exhausted', reason: `attempt ${attempt} of ${maxAttempts} failed` };
  }
  if (notBefore !== null && notBefore - now > maxRetryAfterMs) {
    return {
      kind: 'park',
      code: 'exhausted',
      reason: `the other side asked for a wait of ${notBefore - now} ms; at most ${maxRetryAfterMs} ms are waited`,
    };
  }
  const dueAt = Math.max(now, notBefore ?? now) + Math.ceil(facts.random * backoffCeilingMs(facts.backoff, attempt));
  if (deadlineAt !== null && dueAt >= deadlineAt) {
    return {
      kind: 'park',
      code: 'expired',
      reason: `its next attempt would be ${dueAt - deadlineAt} ms behind its deadline`,
    };
  }
  return { kind: 'retry', dueAt };
}

/** The longest wait after an attempt, in milliseconds. */
export function backoffCeilingMs({ baseMs, factor, maxMs }: BackoffPolicy, attempt: number): number {
  // A power beyond what a number holds is Infinity, which a base of 0 would turn into NaN.
  return Math.min(maxMs, baseMs * Math.min(Number.MAX_VALUE, factor ** (attempt - 1)));
}
