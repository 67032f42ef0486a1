import { type Held, queueDifferences } from './held.js';
import type { Topology } from './model.js';
import { type QueueName, readQueueName } from './queue-name.js';

/**
 * Which generation each queue of a topology is in on this broker, by the name of its first one, for `topologyFor`:
 * of its role and lane the newest one that stands as it is wanted; where there are only others, the next one, which is to
 * take their place; else the first.
 * @param first the topology with every queue in its first generation.
 */
export function generationsOn(held: Pick<Held, 'queues'>, first: Topology): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const queue of first.queues) {
    const read = readQueueName(queue.name);
    if (read === undefined) continue;
    const standing = held.queues.filter(({ name }) => isSameLane(readQueueName(name), read));
    const fitting = standing.filter((one) => queueDifferences(queue, one).length === 0);
    found.set(queue.name, fitting.length > 0 ? newest(fitting) : nextGeneration(held, read));
  }
  return found;
}

/** One more than the newest of this role and lane. */
export function nextGeneration({ queues }: Pick<Held, 'queues'>, of: Pick<QueueName, 'role' | 'lane'>): number {
  return newest(queues.filter(({ name }) => isSameLane(readQueueName(name), of))) + 1;
}

function isSameLane(read: QueueName | undefined, { role, lane }: Pick<QueueName, 'role' | 'lane'>): boolean {
  return read?.role === role && read.lane === lane;
}

/** 0 where there is none. */
function newest(queues: readonly { readonly name: string }[]): number {
  return Math.max(0, ...queues.map(({ name }) => readQueueName(name)?.generation ?? 0));
}
