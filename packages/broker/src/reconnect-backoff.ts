/** Waits between attempts to open a connection or a channel again. Durations in milliseconds. */
export interface ReconnectPolicy {
  /** The longest wait before the first attempt. */
  readonly baseMs: number;
  /** No wait is longer. What stayed open for this long starts again at the first attempt's wait. */
  readonly maxMs: number;
}

export const defaultReconnectPolicy: ReconnectPolicy = { baseMs: 200, maxMs: 10_000 };

/**
 * How long to wait before an attempt (counted from 1), given a random number in [0, 1). The ceiling doubles with each
 * attempt; half of it is certain, so that a broker that refuses at once is not hammered, and half is jitter, so that
 * the clients of a broker that comes back don't all arrive together. With the defaults:
 *
 * | attempt | wait in ms     |
 * |---------|----------------|
 * | 1       | 100 to 200     |
 * | 2       | 200 to 400     |
 * | 4       | 800 to 1,600   |
 * | 7 on    | 5,000 to 10,000 |
 */
export function reconnectDelayMs(attempt: number, random: number, policy = defaultReconnectPolicy): number {
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt - 1, 52));
  return ceiling / 2 + (random * ceiling) / 2;
}

/** Counts the attempts of one thing that is opened again and again. */
export interface Backoff {
  /** It is open. */
  opened(): void;
  /** It is gone, or could not be opened: how long to wait before the next attempt. */
  nextDelayMs(): number;
}

/** `random` gives numbers in [0, 1); `now` milliseconds on a clock that never runs backwards. */
export function createBackoff(policy: ReconnectPolicy, random: () => number, now: () => number): Backoff {
  let attempt = 0;
  let openedAt: number | undefined;
  return {
    opened() {
      openedAt = now();
    },
    nextDelayMs() {
      const wasSteady = openedAt !== undefined && now() - openedAt >= policy.maxMs;
      attempt = wasSteady ? 1 : attempt + 1;
      openedAt = undefined;
      return reconnectDelayMs(attempt, random(), policy);
    },
  };
}
