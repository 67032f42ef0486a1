import { maxPriority, type PriorityClass, priorityClasses, type TaskType } from '@warren/tasks';
import { defaultLadder, type LadderShape, ladderParts } from './ladder.js';
import {
  type Arguments,
  type Binding,
  type DelayMechanism,
  type Exchange,
  maxQueueTtlMs,
  type Policy,
  type Queue,
  type QueueProfile,
  type QuorumPriorities,
  type Topology,
} from './model.js';
import {
  brokerLetterKey,
  delayHeader,
  exchangeNames,
  queueNames,
  routingKey,
  submittedLetterKey,
  workQueue,
} from './names.js';
import { queueNameOf, readQueueName, rolePattern } from './queue-name.js';

/**
 * Messages that queue `submitted` holds before it refuses more with a nack. Foreign producers feel it as backpressure;
 * it is the only length limit there is, because a limit behind a delay or a dead letter would lose messages.
 */
const submittedMaxLength = 10_000;

/** Above the 0 that an operator's own policy has unless they say otherwise: one policy applies to a queue at a time. */
const policyPriority = 10;

export interface TopologyOptions {
  readonly types: readonly TaskType[];
  readonly delay: DelayMechanism;
  readonly profile: QueueProfile;
  /** How quorum queues put the more urgent task first. Default `lanes`, which every broker can. */
  readonly priorities?: QuorumPriorities;
  /** The ladder's measures, where `delay` is `ladder`. Default {@link defaultLadder}. */
  readonly ladder?: LadderShape;
  /** Which generation each queue is in, by the name of its first one. Default: the first. */
  readonly generations?: ReadonlyMap<string, number>;
}

/** What the broker should hold for these task types. Throws on a type that can't be routed or has an impossible TTL. */
export function topologyFor(options: TopologyOptions): Topology {
  const { types, delay, profile, priorities = 'lanes', ladder = defaultLadder, generations = new Map() } = options;
  assertRoutable(types);
  const lanes = types.flatMap((type) => lanesOf(type, profile, priorities));
  const delays = delayParts(delay, lanes, ladder);
  const first: Topology = {
    profile,
    delay,
    exchanges: [...sharedExchanges, ...delays.exchanges],
    queues: [...sharedQueues(profile), ...lanes.map(({ queue }) => queue), ...delays.queues],
    bindings: [
      ...sharedBindings,
      ...lanes.map(({ queue, key }) => toQueue(exchangeNames.tasks, queue.name, key)),
      ...delays.bindings,
    ],
    policies: types.map((type) => workPolicy(type, profile)),
  };
  return inGenerations(first, generations);
}

/** Alternate exchanges first, so that each exchange is declared after the one it names. */
const sharedExchanges: readonly Exchange[] = [
  {
    name: exchangeNames.unroutable,
    type: 'fanout',
    arguments: {},
    purpose: 'Takes what no binding of another exchange wants, so that it is kept.',
  },
  {
    name: exchangeNames.dead,
    type: 'topic',
    arguments: {},
    purpose: 'Takes what failed from the workers, and what expired from the broker itself.',
  },
  {
    name: exchangeNames.tasks,
    type: 'topic',
    arguments: { 'alternate-exchange': exchangeNames.unroutable },
    purpose: 'Routes each task to the queue of its type, by <type>.<class>. Only Warren publishes here.',
  },
  {
    name: exchangeNames.submit,
    type: 'topic',
    arguments: {},
    purpose: "The way in for every language: JSON, with the task's type as routing key.",
  },
  {
    name: exchangeNames.events,
    type: 'topic',
    arguments: {},
    purpose: 'Tells live what happens to tasks, as <type>.<task-id>.<event>; the ledger has it all.',
  },
];

/**
 * How often a quorum queue may get a message back before it lets it go. RabbitMQ 4 lets go after 20 where nothing is said,
 * and a queue without a dead-letter exchange then drops it.
 */
const endlessDeliveries = 1_000_000;

/** How often a work queue's message may come back before the broker dead-letters it: far behind what the ledger allows. */
const workDeliveries = 100;

// The queue type is spelled out everywhere: a virtual host may have another default.
const kept: Readonly<Record<QueueProfile, Arguments>> = {
  classic: { 'x-queue-type': 'classic' },
  quorum: { 'x-queue-type': 'quorum', 'x-delivery-limit': endlessDeliveries },
};

/** Dead-letters, at least once where the queue can. */
function deadLettering(profile: QueueProfile, deadLetterKey: string): Arguments {
  const target = { 'x-dead-letter-exchange': exchangeNames.dead, 'x-dead-letter-routing-key': deadLetterKey };
  switch (profile) {
    case 'classic':
      return { 'x-queue-type': 'classic', ...target };
    case 'quorum':
      // Without `reject-publish` the broker would fall back to at most once.
      return {
        'x-queue-type': 'quorum',
        ...target,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      };
    default:
      return profile satisfies never;
  }
}

function sharedQueues(profile: QueueProfile): readonly Queue[] {
  return [
    {
      name: queueNames.unroutable,
      arguments: kept[profile],
      purpose: 'Messages that no queue wanted, until they are parked for a person. Usually empty.',
    },
    {
      name: queueNames.deadLetters,
      arguments: kept[profile],
      purpose: 'Failed and expired tasks, until it is decided whether they are tried again or parked.',
    },
    {
      name: queueNames.submitted,
      arguments: {
        // A submission whose own expiration runs out before it is taken in is kept for a person, not dropped. Under a key of
        // ours: by its sender's own it could pass for a letter about a task of Warren's.
        ...deadLettering(profile, submittedLetterKey),
        'x-max-length': submittedMaxLength,
        'x-overflow': 'reject-publish',
      },
      purpose: 'Submissions of other languages, until they are taken in. When it is full, senders get a nack.',
    },
  ];
}

const sharedBindings: readonly Binding[] = [
  toQueue(exchangeNames.unroutable, queueNames.unroutable, ''),
  toQueue(exchangeNames.dead, queueNames.deadLetters, '#'),
  toQueue(exchangeNames.submit, queueNames.submitted, '#'),
];

/** A work queue, and the keys of the tasks that it takes. */
export interface Lane {
  readonly queue: Queue;
  readonly key: string;
}

/** No length limit: the broker would drop a retry that comes due while the queue is full. Intake is where the limit is. */
function lanesOf({ name }: TaskType, profile: QueueProfile, priorities: QuorumPriorities): Lane[] {
  const given = deadLettering(profile, brokerLetterKey(name));
  const whole = (settings: Arguments): Lane => ({
    queue: {
      name: workQueue(name),
      arguments: settings,
      purpose: `Tasks of type ${name} that wait for a worker, the highest priority first.`,
    },
    key: `${name}.*`,
  });
  switch (profile) {
    case 'classic':
      return [whole({ ...given, 'x-max-priority': maxPriority })];
    case 'quorum':
      return priorities === 'strict' ? [whole(given)] : priorityClasses.map((lane) => laneOf(name, lane, given));
    default:
      return profile satisfies never;
  }
}

function laneOf(type: string, lane: PriorityClass, settings: Arguments): Lane {
  return {
    queue: {
      name: queueNameOf({ role: workQueue(type), lane, generation: 1 }),
      arguments: settings,
      purpose: `Tasks of type ${type} and ${lane} priority that wait for a worker.`,
    },
    key: routingKey(type, lane),
  };
}

function delayParts(
  mechanism: DelayMechanism,
  lanes: readonly Lane[],
  ladder: LadderShape,
): { exchanges: readonly Exchange[]; queues: readonly Queue[]; bindings: readonly Binding[] } {
  switch (mechanism) {
    case 'ladder':
      return ladderParts(ladder, lanes);
    case 'plugin':
      return { exchanges: [pluginExchange], queues: [], bindings: [pluginArrival] };
    default:
      return mechanism satisfies never;
  }
}

/** `fanout`: with `topic` the plugin loses messages where the broker keeps its metadata in Khepri. */
const pluginExchange: Exchange = {
  name: exchangeNames.delayed,
  type: 'x-delayed-message',
  arguments: { 'x-delayed-type': 'fanout' },
  purpose: `Holds each message for the milliseconds in its header ${delayHeader}, then hands it to exchange ${exchangeNames.tasks}.`,
};

const pluginArrival: Binding = {
  source: exchangeNames.delayed,
  destination: exchangeNames.tasks,
  destinationKind: 'exchange',
  routingKey: '',
};

/** One for all queues of a type, of whatever lane and generation: one policy applies to a queue at a time. */
function workPolicy({ name, policy }: TaskType, profile: QueueProfile): Policy {
  return {
    name: workQueue(name),
    pattern: rolePattern(workQueue(name)),
    applyTo: 'queues',
    priority: policyPriority,
    definition: {
      'message-ttl': policy.queueTtlMs,
      ...(profile === 'quorum' ? { 'delivery-limit': workDeliveries } : {}),
    },
  };
}

/** The same, its queues under the names of their generations. */
function inGenerations(topology: Topology, generations: ReadonlyMap<string, number>): Topology {
  if (generations.size === 0) return topology;
  const renamed = (name: string) => {
    const [read, generation] = [readQueueName(name), generations.get(name)];
    return read === undefined || generation === undefined ? name : queueNameOf({ ...read, generation });
  };
  return {
    ...topology,
    queues: topology.queues.map((queue) => ({ ...queue, name: renamed(queue.name) })),
    bindings: topology.bindings.map((binding) =>
      binding.destinationKind === 'queue' ? { ...binding, destination: renamed(binding.destination) } : binding,
    ),
  };
}

function toQueue(source: string, destination: string, routingKey: string): Binding {
  return { source, destination, destinationKind: 'queue', routingKey };
}

/** A name must be one routing word that no ladder digit can equal. */
const routingWord = /^[a-z][a-z0-9-]*$/;

function assertRoutable(types: readonly TaskType[]): void {
  const seen = new Set<string>();
  for (const { name, policy } of types) {
    if (!routingWord.test(name)) {
      throw new Error(
        `task type "${name}" can't be routed: a name is lower-case letters, digits and hyphens, a letter first`,
      );
    }
    if (seen.has(name)) throw new Error(`task type "${name}" is given twice: each type has one queue; remove one`);
    seen.add(name);
    const ttl = policy.queueTtlMs;
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > maxQueueTtlMs) {
      throw new Error(
        `task type "${name}" has queueTtlMs ${ttl}: the broker takes whole milliseconds from 1 to ${maxQueueTtlMs}`,
      );
    }
  }
}
