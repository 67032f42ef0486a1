import { setTimeout as sleep } from 'node:timers/promises';

export interface Pace {
  /** How many are under way at the same time, at most. */
  readonly concurrency: number;
  /** How many are begun a second, at most, evenly spread; undefined: as many as there are. */
  readonly perSecond: number | undefined;
  /** Nothing more is begun when it is aborted; what is under way is waited for. */
  readonly signal: AbortSignal;
}

/**
 * Does `work` for each item, in their order and no faster than the pace allows; takes no item before there is a place
 * for it. Rejects with the first failure, after what was under way has ended.
 */
export async function forEachPaced<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  pace: Pace,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const failed = new AbortController();
  const gapMs = pace.perSecond === undefined ? 0 : 1_000 / pace.perSecond;
  let nextAt = 0;
  for await (const item of items) {
    await sleepUntil(nextAt, pace.signal);
    if (pace.signal.aborted || failed.signal.aborted) break;
    nextAt = Math.max(performance.now(), nextAt) + gapMs;
    const one = work(item)
      .catch((error: unknown) => failed.abort(error))
      .finally(() => underWay.delete(one));
    underWay.add(one);
    if (underWay.size >= pace.concurrency) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  failed.signal.throwIfAborted();
}

async function sleepUntil(at: number, signal: AbortSignal): Promise<void> {
  const ms = at - performance.now();
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
}
