import { type PriorityClass, priorityClasses } from '@warren/tasks';
import type { ArgumentDifference } from './differences.js';
import { nextGeneration } from './generations.js';
import { exchangeDifferences, type Held, type HeldQueue, queueDifferences } from './held.js';
import type { Binding, Exchange, Queue, Topology } from './model.js';
import { type QueueName, queueNameOf, readQueueName } from './queue-name.js';

/** A queue that stands where another one is wanted. The broker changes no queue: others have to take its place. */
export interface QueueReplacement {
  readonly queue: HeldQueue;
  /** As what the queues that take its place have and it has not; empty where they differ in their lanes alone. */
  readonly differences: readonly ArgumentDifference[];
  /** The queues that take its place, by name. */
  readonly by: readonly string[];
  /** Whether all of these are there, so that the queue only drains. */
  readonly inProgress: boolean;
}

export interface ExchangeReplacement {
  readonly exchange: Exchange;
  readonly differences: readonly ArgumentDifference[];
}

/** A level of a delay ladder with other arguments than its name promises: it has no next generation. */
export interface LevelReplacement {
  readonly queue: HeldQueue;
  readonly differences: readonly ArgumentDifference[];
}

/** What can't be made on this broker by declaring, because something else stands in its place. */
export interface Replacements {
  readonly exchanges: readonly ExchangeReplacement[];
  readonly levels: readonly LevelReplacement[];
  readonly queues: readonly QueueReplacement[];
}

export function replacementsOn(held: Held, wanted: Topology): Replacements {
  return {
    exchanges: wanted.exchanges.flatMap((exchange) => {
      const standing = held.exchanges.find(({ name }) => name === exchange.name);
      const found = standing === undefined ? [] : exchangeDifferences(exchange, standing);
      return found.length === 0 ? [] : [{ exchange, differences: found }];
    }),
    levels: wanted.queues.flatMap((level) => {
      const queue = level.ladder === undefined ? undefined : held.queues.find(({ name }) => name === level.name);
      const found = queue === undefined ? [] : queueDifferences(level, queue);
      return queue === undefined || found.length === 0 ? [] : [{ queue, differences: found }];
    }),
    queues: held.queues.flatMap((queue) => {
      const replacement = queueReplacement(queue, held, wanted);
      return replacement === undefined ? [] : [replacement];
    }),
  };
}

function queueReplacement(queue: HeldQueue, held: Held, wanted: Topology): QueueReplacement | undefined {
  const read = readQueueName(queue.name);
  const sameRole = wanted.queues.filter(({ name }) => readQueueName(name)?.role === read?.role);
  if (read === undefined || sameRole.length === 0) return undefined;
  const itself = sameRole.find(({ name }) => name === queue.name);
  if (itself !== undefined) {
    const found = queueDifferences(itself, queue);
    if (found.length === 0) return undefined;
    const next = queueNameOf({ ...read, generation: nextGeneration(held, read) });
    return { queue, differences: found, by: [next], inProgress: false };
  }
  const sameLane = sameRole.find(({ name }) => readQueueName(name)?.lane === read.lane);
  const by = sameLane === undefined ? sameRole : [sameLane];
  return {
    queue,
    differences: sameLane === undefined ? [] : queueDifferences(sameLane, queue),
    by: by.map(({ name }) => name),
    inProgress: by.every((one) => stands(one, held)),
  };
}

function stands(wanted: Queue, held: Held): boolean {
  return held.queues.some((queue) => queue.name === wanted.name && queueDifferences(wanted, queue).length === 0);
}

/**
 * The part of a topology that can be made on this broker by declaring it. A queue that is to take another's place is not
 * in it; what is bound to it is bound to the one that stands there, so that no message misses its way until then.
 */
export function withoutReplacements(wanted: Topology, held: Held): Topology {
  const { exchanges, levels, queues } = replacementsOn(held, wanted);
  const blocked = new Set(exchanges.map(({ exchange }) => exchange.name));
  const otherLevels = new Set(levels.map(({ queue }) => queue.name));
  const pending = new Map(
    wanted.queues.flatMap((queue): [string, readonly QueueName[]][] => {
      const standing = queues
        .filter(({ queue: old, by }) => old.name === queue.name || by.includes(queue.name))
        .flatMap(({ queue: { name } }) => readQueueName(name) ?? []);
      return standing.length === 0 || stands(queue, held) ? [] : [[queue.name, standing]];
    }),
  );
  return {
    ...wanted,
    exchanges: wanted.exchanges.filter(({ name }) => !blocked.has(name)),
    queues: wanted.queues.filter(({ name }) => !pending.has(name) && !otherLevels.has(name)),
    bindings: wanted.bindings.flatMap((binding) => {
      const { source, destination, destinationKind } = binding;
      if (blocked.has(source) || (destinationKind === 'exchange' && blocked.has(destination))) return [];
      const standing = destinationKind === 'queue' ? pending.get(destination) : undefined;
      return standing === undefined ? [binding] : standInBindings(binding, standing, held);
    }),
  };
}

/** What leads a binding's messages to the queues that stand where its own is to be. Bindings that do already stay as they are. */
function standInBindings(binding: Binding, standing: readonly QueueName[], held: Held): Binding[] {
  const newestFirst = [...standing].sort((one, other) => other.generation - one.generation);
  const wantedLane = readQueueName(binding.destination)?.lane;
  const sameLane = newestFirst.find(({ lane }) => lane === wantedLane);
  if (sameLane !== undefined) return [{ ...binding, destination: queueNameOf(sameLane) }];
  const names = newestFirst.map(queueNameOf);
  const given = held.bindings.filter(
    (one) => one.source === binding.source && one.destinationKind === 'queue' && names.includes(one.destination),
  );
  return keysByClass(binding.routingKey)
    .filter(({ key, ofAllClasses }) => !given.some(({ routingKey }) => [key, ofAllClasses].includes(routingKey)))
    .flatMap(({ key, lane }) => {
      const standIn = newestFirst.find((one) => one.lane === lane) ?? newestFirst.find((one) => one.lane === null);
      const [fallback] = newestFirst;
      const destination = standIn ?? fallback;
      return destination === undefined ? [] : [{ ...binding, routingKey: key, destination: queueNameOf(destination) }];
    });
}

interface ClassKey {
  readonly key: string;
  readonly lane: PriorityClass | undefined;
  /** The key that takes every class. */
  readonly ofAllClasses: string;
}

/** A work queue's binding key, `<type>.<class>` or `<type>.*` at its end, for each class that it takes. */
function keysByClass(routingKey: string): ClassKey[] {
  const cut = routingKey.lastIndexOf('.') + 1;
  const [before, last] = [routingKey.slice(0, cut), routingKey.slice(cut)];
  return priorityClasses
    .filter((lane) => last === '*' || last === lane)
    .map((lane) => ({ key: `${before}${lane}`, lane, ofAllClasses: `${before}*` }));
}
