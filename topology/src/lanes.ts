import { type PriorityClass, priorityClasses } from '@warren/tasks';
import type { QueueProfile, QuorumPriorities } from './model.js';
import { queueNameOf, readQueueName, typeOfRole } from './queue-name.js';

/**
 * How many tasks of each class a worker takes of ten, where all three have some waiting. Each gets its share, so none
 * starves; what a class does not need goes to the others.
 */
export const laneWeights: Readonly<Record<PriorityClass, number>> = { high: 6, normal: 3, low: 1 };

/** The weight of a queue among those that a worker consumes together. One without a class among them weighs as `normal`. */
export function weightOf(queue: string): number {
  return laneWeights[readQueueName(queue)?.lane ?? 'normal'];
}

/** The queues of a role where none of them was ever replaced. */
export function firstQueues(
  role: string,
  profile: QueueProfile,
  priorities: QuorumPriorities = 'lanes',
): readonly string[] {
  const hasLanes = typeOfRole(role) !== undefined && profile === 'quorum' && priorities === 'lanes';
  return hasLanes ? priorityClasses.map((lane) => queueNameOf({ role, lane, generation: 1 })) : [role];
}

/**
 * In which order the messages of a role are served, as far as one can rely on it.
 * - `priority`: one queue, the higher priority first and each in the order in which it came.
 * - `lane`: a queue a class, each in the order in which its messages came, whatever the others do.
 * - `none`: two generations of one queue drain side by side.
 */
export type ServiceOrder = 'priority' | 'lane' | 'none';

export function serviceOrder(queues: readonly string[]): ServiceOrder {
  const lanes = queues.map((queue) => readQueueName(queue)?.lane ?? null);
  if (new Set(lanes).size < lanes.length) return 'none';
  if (!lanes.includes(null)) return 'lane';
  return lanes.length === 1 ? 'priority' : 'none';
}
