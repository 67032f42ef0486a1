import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks `probe` again every `everyMs` until it answers something else than `undefined`.
 * Throws what `probe` throws, and `onTimeout()` once `timeoutMs` have passed.
 */
export async function pollUntil<T>(
  probe: () => T | undefined | Promise<T | undefined>,
  options: { timeoutMs: number; everyMs?: number; onTimeout: () => Error | Promise<Error> },
): Promise<T> {
  const giveUpAt = performance.now() + options.timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    if (performance.now() >= giveUpAt) throw await options.onTimeout();
    await sleep(options.everyMs ?? 25);
  }
}
