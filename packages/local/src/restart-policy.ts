/** The first wait before a service is started again, in milliseconds; each further one doubles, up to {@link maxRestartWaitMs}. */
export const firstRestartWaitMs = 500;
export const maxRestartWaitMs = 30_000;
/** Ends in a row before a service is given up. */
export const maxRestarts = 10;
/** Having worked for this long, in milliseconds, a service counts as healthy: its next end is the first one again. */
export const healthyAfterMs = 60_000;

/** In milliseconds, after the `ended`-th end in a row, counted from 1; undefined: it is given up. */
export type RestartWait = (ended: number) => number | undefined;

/**
 * How long to wait before the restart after the `ended`-th end in a row (counted from 1), or `undefined` to give up.
 * 500, 1,000, 2,000 ... 16,000, 30,000 ms.
 */
export function restartWaitMs(ended: number): number | undefined {
  return ended > maxRestarts ? undefined : Math.min(maxRestartWaitMs, firstRestartWaitMs * 2 ** (ended - 1));
}

/** How many ends in a row this one makes. */
export function endsInARow(before: number, workedMs: number): number {
  return workedMs >= healthyAfterMs ? 1 : before + 1;
}
