/** A queue among those that a worker consumes together. */
export interface Sharer {
  /** Of ten tasks, how many are to be its own where all queues have some; above 0. */
  readonly weight: number;
  /** It has more waiting than it was given lately. */
  readonly isBusy: boolean;
}

/**
 * How many deliveries of each queue may be in hand. They add up to `concurrency` and one for each queue but the first: with
 * the three lanes of quorum queues to `concurrency + 2`.
 *
 * Each queue has at least one, so that its next task is seen at once, however long it was empty. The rest is shared by
 * weight among those that are busy, or among all where none is: a queue alone with work gets all of it.
 */
export function sharePrefetch(concurrency: number, sharers: readonly Sharer[]): readonly number[] {
  const spare = concurrency - 1;
  const anyBusy = sharers.some(({ isBusy }) => isBusy);
  const weights = sharers.map(({ weight, isBusy }) => (isBusy || !anyBusy ? weight : 0));
  const extra = apportion(spare, weights);
  return extra.map((count) => 1 + count);
}

/** Whole parts of `count` by weight, with the largest remainders rounded up; the first of equals first. */
function apportion(count: number, weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const exact = weights.map((weight) => (count * weight) / total);
  const parts = exact.map(Math.floor);
  const left = count - parts.reduce((sum, part) => sum + part, 0);
  const byRemainder = exact
    .map((value, index) => ({ index, remainder: value - Math.floor(value) }))
    .sort((one, other) => other.remainder - one.remainder || one.index - other.index);
  for (const { index } of byRemainder.slice(0, left)) parts[index] = (parts[index] ?? 0) + 1;
  return parts;
}
