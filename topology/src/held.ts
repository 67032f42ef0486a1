import { type ArgumentDifference, differences } from './differences.js';
import { ladderOf } from './ladder.js';
import type { Binding, Exchange, Policy, Queue } from './model.js';
import { exchangeNames } from './names.js';
import { readQueueName, typeOfRole } from './queue-name.js';

type HeldArguments = Readonly<Record<string, unknown>>;

export interface HeldExchange {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: HeldArguments;
  /** Messages that an exchange of the delayed-message plugin holds back; 0 for every other. */
  readonly messages: number;
}

export interface HeldQueue {
  readonly name: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly arguments: HeldArguments;
  /** Ready and unacknowledged, by the broker's statistics, which lag behind by some seconds. */
  readonly messages: number;
  /** The one policy that applies to it. */
  readonly policy?: string;
}

export interface HeldBinding extends Binding {
  readonly arguments: HeldArguments;
}

export interface HeldPolicy {
  readonly name: string;
  readonly pattern: string;
  /** `queues`, `all`, `exchanges` …, as this version of the broker knows them. */
  readonly applyTo: string;
  readonly priority: number;
  readonly definition: HeldArguments;
}

/** What a virtual host holds, somebody else's things included. Bindings of the default exchange are left out. */
export interface Held {
  readonly exchanges: readonly HeldExchange[];
  readonly queues: readonly HeldQueue[];
  readonly bindings: readonly HeldBinding[];
  readonly policies: readonly HeldPolicy[];
}

/** Whether the name is one that Warren gives to exchanges, of whatever topology. */
export function isOurExchange(name: string): boolean {
  return Object.values<string>(exchangeNames).includes(name) || ladderOf(name) !== undefined;
}

/** Whether the name is one that Warren gives to queues, of whatever topology. */
export function isOurQueue(name: string): boolean {
  return readQueueName(name) !== undefined || ladderOf(name) !== undefined;
}

/** A binding of ours joins two things of ours: what somebody else bound to an exchange of ours stays theirs. */
export function isOurBinding({ source, destination, destinationKind }: Binding): boolean {
  return isOurExchange(source) && (destinationKind === 'queue' ? isOurQueue(destination) : isOurExchange(destination));
}

/** The work role whose queues a policy of this name is for; undefined: it is not Warren's. */
export function roleOfPolicy(name: string): string | undefined {
  // With the ending they were named while they held the TTL alone.
  const read = readQueueName(name.replace(/\.ttl$/, ''));
  const isRole = read !== undefined && read.lane === null && read.generation === 1;
  return isRole && typeOfRole(read.role) !== undefined ? read.role : undefined;
}

/** What a declaration of the queue fixes and is otherwise there. Empty: declaring it changes nothing. */
export function queueDifferences(wanted: Pick<Queue, 'arguments'>, held: HeldQueue): ArgumentDifference[] {
  return differences(
    { durable: true, 'auto-delete': false, ...wanted.arguments },
    { durable: held.durable, 'auto-delete': held.autoDelete, ...held.arguments },
  );
}

/** The same of an exchange. */
export function exchangeDifferences(wanted: Exchange, held: HeldExchange): ArgumentDifference[] {
  return differences(
    { durable: true, 'auto-delete': false, internal: false, type: wanted.type, ...wanted.arguments },
    {
      durable: held.durable,
      'auto-delete': held.autoDelete,
      internal: held.internal,
      type: held.type,
      ...held.arguments,
    },
  );
}

/** What setting the policy would change. */
export function policyDifferences(wanted: Policy, held: HeldPolicy): ArgumentDifference[] {
  const settings = ({ pattern, applyTo, priority, definition }: Policy | HeldPolicy) => ({
    pattern,
    'apply-to': applyTo,
    priority,
    ...definition,
  });
  return differences(settings(wanted), settings(held));
}

/** Every binding of ours is without arguments; one with them is another to the broker, though all else is the same. */
export function isPlain(binding: HeldBinding): boolean {
  return Object.keys(binding.arguments).length === 0;
}
