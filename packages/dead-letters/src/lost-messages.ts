import type { Task } from '@warren/ledger';

/** What is known about one type's queue, besides the ledger's word on its tasks. Times are epoch milliseconds. */
export interface QueueFacts {
  readonly now: number;
  /** Since when every look found no message ready; null: the newest look found some, or there was none. */
  readonly emptySince: number | null;
  /** How long a queue must have been found empty before its tasks' messages count as lost. */
  readonly emptyMs: number;
  /** By priority: a time after which a message entered the queue that is served after those of the priority, and has been. */
  readonly newestClaimed: ReadonlyMap<number, number>;
  /** How much later another one must have entered before it counts as having overtaken. */
  readonly marginMs: number;
}

/** Why a message counts as lost: nothing is in its queue, or others that came later were served before it. */
export type LossReason = 'queue-empty' | 'overtaken';

export interface LostMessage {
  readonly task: Task;
  readonly why: LossReason;
}

/**
 * Which of the tasks that wait for their message will never see it. Pure.
 *
 * A wrong guess does no harm, the copy is absorbed by its dispatch; but guesses must not feed on themselves, so a task
 * that was published again counts from then on.
 */
export function lostMessages(waiting: readonly Task[], facts: QueueFacts): readonly LostMessage[] {
  const empty = facts.emptySince !== null && facts.now - facts.emptySince >= facts.emptyMs;
  return waiting.flatMap((task): LostMessage[] => {
    if (empty) return [{ task, why: 'queue-empty' }];
    return isOvertaken(task, facts) ? [{ task, why: 'overtaken' }] : [];
  });
}

/**
 * A queue serves the messages of one priority in the order in which they came, after those of a higher one.
 *
 * The proof is a time that a submitter's clock told, and can be wrong. So each copy of a message gives the next one twice
 * the time: a task that waits for a day is published ten times, not a thousand.
 */
function isOvertaken(task: Task, { marginMs, newestClaimed, now }: QueueFacts): boolean {
  const newest = newestClaimed.get(task.priority);
  if (newest === undefined) return false;
  const patienceMs = Math.max(marginMs, enteredBy(task) - Math.max(task.dispatchedAt, task.dueAt));
  return enteredBy(task) + patienceMs < Math.min(newest, now);
}

/** When a task's message was in its queue at the latest, as far as the ledger knows: published, due, or given back. */
export function enteredBy(task: Task): number {
  return Math.max(task.publishedAt ?? 0, task.dispatchedAt, task.dueAt);
}
