import type { PriorityClass } from './priority.js';

/** Waits between attempts: full jitter between 0 and `min(maxMs, baseMs * factor^(attempt-1))`. */
export interface BackoffPolicy {
  readonly baseMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/**
 * How tasks of one type are treated. Plain data, one object a type; every default is in {@link defaultPolicy}.
 * Durations are in milliseconds.
 */
export interface TaskPolicy {
  /** The class of a task whose submitter names no priority. */
  readonly defaultClass: PriorityClass;
  /** How long a message may wait in the type's queue before the broker dead-letters it as `expired`. Starts anew at each entry. */
  readonly queueTtlMs: number;
  /** How long one attempt may run before it ends as `timeout`. At most {@link maxAttemptTimeoutMs}. */
  readonly attemptTimeoutMs: number;
  /** The task's deadline, counted from its submission, when the submitter names none. 0: no deadline. */
  readonly deadlineMs: number;
  /** Tasks that one worker process works at the same time; also its prefetch. */
  readonly concurrency: number;
  /** Attempts before the task is parked as `exhausted`. A replay grants as many again. */
  readonly maxAttempts: number;
  /** Runs that started and never ended before the task is parked as `poison`. */
  readonly maxCrashes: number;
  /** How long a claim holds without renewal. Renewed at a third of it while the handler runs. */
  readonly leaseMs: number;
  readonly backoff: BackoffPolicy;
  /** Largest accepted message body, in bytes. Larger input goes by reference (a file or a URL). */
  readonly maxBodyBytes: number;
}

const minute = 60_000;
const hour = 60 * minute;

/**
 * Brokers close the channel of a consumer that has not acked for half an hour, and with it every run of the worker: a
 * longer attempt would be begun again and again. Longer work is split, or snoozes between its steps.
 */
export const maxAttemptTimeoutMs = 25 * minute;

/** The largest body that any type may take, in bytes: the broker's own limit from RabbitMQ 4.0 on. */
export const largestBodyBytes = 16 * 1024 * 1024;

export const defaultPolicy: TaskPolicy = {
  defaultClass: 'normal',
  queueTtlMs: 24 * hour,
  attemptTimeoutMs: 2 * minute,
  deadlineMs: 0,
  concurrency: 4,
  maxAttempts: 5,
  maxCrashes: 3,
  leaseMs: 30_000,
  backoff: { baseMs: 1_000, factor: 2, maxMs: 10 * minute },
  maxBodyBytes: 1024 * 1024,
};
