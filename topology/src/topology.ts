import { maxPriority, type TaskType } from '@warren/tasks';
import { defaultLadder, type LadderShape, ladderParts } from './ladder.js';
import {
  type Binding,
  type DelayMechanism,
  type Exchange,
  maxQueueTtlMs,
  type Policy,
  type Queue,
  type QueueProfile,
  type Topology,
} from './model.js';
import { brokerLetterKey, delayHeader, exchangeNames, queueNames, submittedLetterKey, workQueue } from './names.js';

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
  /** The ladder's measures, where `delay` is `ladder`. Default {@link defaultLadder}. */
  readonly ladder?: LadderShape;
}

/** What the broker should hold for these task types. Throws on a type that can't be routed or has an impossible TTL. */
export function topologyFor({ types, delay, profile, ladder = defaultLadder }: TopologyOptions): Topology {
  assertRoutable(types);
  const work = workParts(types, profile);
  const delays = delayParts(delay, types, ladder);
  return {
    profile,
    delay,
    exchanges: [...sharedExchanges, ...delays.exchanges],
    queues: [...sharedQueues, ...work.queues, ...delays.queues],
    bindings: [...sharedBindings, ...work.bindings, ...delays.bindings],
    policies: types.map(ttlPolicy),
  };
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

// The queue type is spelled out everywhere: a virtual host may have another default.
const sharedQueues: readonly Queue[] = [
  {
    name: queueNames.unroutable,
    arguments: { 'x-queue-type': 'classic' },
    purpose: 'Messages that no queue wanted, until they are parked for a person. Usually empty.',
  },
  {
    name: queueNames.deadLetters,
    arguments: { 'x-queue-type': 'classic' },
    purpose: 'Failed and expired tasks, until it is decided whether they are tried again or parked.',
  },
  {
    name: queueNames.submitted,
    arguments: {
      'x-queue-type': 'classic',
      'x-max-length': submittedMaxLength,
      'x-overflow': 'reject-publish',
      // A submission whose own expiration runs out before it is taken in is kept for a person, not dropped.
      'x-dead-letter-exchange': exchangeNames.dead,
      // Under a key of ours: by its sender's own it could pass for a letter about a task of Warren's.
      'x-dead-letter-routing-key': submittedLetterKey,
    },
    purpose: 'Submissions of other languages, until they are taken in. When it is full, senders get a nack.',
  },
];

const sharedBindings: readonly Binding[] = [
  toQueue(exchangeNames.unroutable, queueNames.unroutable, ''),
  toQueue(exchangeNames.dead, queueNames.deadLetters, '#'),
  toQueue(exchangeNames.submit, queueNames.submitted, '#'),
];

function workParts(types: readonly TaskType[], profile: QueueProfile): { queues: Queue[]; bindings: Binding[] } {
  switch (profile) {
    case 'classic':
      return {
        queues: types.map(classicWorkQueue),
        bindings: types.map(({ name }) => toQueue(exchangeNames.tasks, workQueue(name), `${name}.*`)),
      };
    default:
      return profile satisfies never;
  }
}

/** No length limit: the broker would drop a retry that comes due while the queue is full. Intake is where the limit is. */
function classicWorkQueue({ name }: TaskType): Queue {
  return {
    name: workQueue(name),
    arguments: {
      'x-queue-type': 'classic',
      'x-max-priority': maxPriority,
      'x-dead-letter-exchange': exchangeNames.dead,
      'x-dead-letter-routing-key': brokerLetterKey(name),
    },
    purpose: `Tasks of type ${name} that wait for a worker, the highest priority first.`,
  };
}

function delayParts(
  mechanism: DelayMechanism,
  types: readonly TaskType[],
  ladder: LadderShape,
): { exchanges: readonly Exchange[]; queues: readonly Queue[]; bindings: readonly Binding[] } {
  switch (mechanism) {
    case 'ladder':
      return ladderParts(
        ladder,
        types.map(({ name }) => name),
      );
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

function ttlPolicy({ name, policy }: TaskType): Policy {
  return {
    name: `${workQueue(name)}.ttl`,
    pattern: `^${workQueue(name).replaceAll('.', '\\.')}$`,
    applyTo: 'queues',
    priority: policyPriority,
    definition: { 'message-ttl': policy.queueTtlMs },
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
