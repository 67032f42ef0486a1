/** Which mechanism holds back messages that are not due yet: the broker's delayed-message plugin, or a ladder of TTL queues. */
export const delayMechanisms = ['plugin', 'ladder'] as const;

export type DelayMechanism = (typeof delayMechanisms)[number];

/**
 * What queues are made of.
 * - `classic`: classic queues on one node; one a task type, ordered by the priority property.
 * - `quorum`: quorum queues, which live on several nodes; a task type has a lane a priority class, and the routing key picks
 *   the lane. With {@link QuorumPriorities} `strict` it has one queue instead.
 */
export const queueProfiles = ['classic', 'quorum'] as const;

export type QueueProfile = (typeof queueProfiles)[number];

/**
 * How quorum queues put the more urgent task first: by a queue a class that workers serve by weight, or by the queue
 * itself, which RabbitMQ can from 4.3 on.
 */
export type QuorumPriorities = 'lanes' | 'strict';

/** The longest TTL that the broker takes, in milliseconds (it keeps 32 bits): 49 days and 17 hours. */
export const maxQueueTtlMs = 2 ** 32 - 1;

export type Arguments = Readonly<Record<string, string | number>>;

/** Always durable, never auto-deleted. */
export interface Exchange {
  readonly name: string;
  readonly type: 'topic' | 'fanout' | 'x-delayed-message';
  readonly arguments: Arguments;
  /** One line for people: what it is for. The broker never sees it. */
  readonly purpose: string;
  /** The delay ladder that it is a part of, by its name. */
  readonly ladder?: string;
}

/** Always durable, never exclusive or auto-deleted. `arguments` holds everything a `queue.declare` sends, the queue's type included. */
export interface Queue {
  readonly name: string;
  readonly arguments: Arguments;
  /** One line for people: what it is for. The broker never sees it. */
  readonly purpose: string;
  /** The delay ladder that it is a part of, by its name. */
  readonly ladder?: string;
}

export interface Binding {
  readonly source: string;
  readonly destination: string;
  readonly destinationKind: 'queue' | 'exchange';
  readonly routingKey: string;
}

/** A setting that an operator may change while the broker runs, without declaring the queue anew. */
export interface Policy {
  readonly name: string;
  /** A regular expression that matches exactly one queue's name. */
  readonly pattern: string;
  readonly applyTo: 'queues';
  readonly priority: number;
  readonly definition: Arguments;
}

/** What the broker should hold in Warren's virtual host: plain data, no connection. */
export interface Topology {
  readonly profile: QueueProfile;
  readonly delay: DelayMechanism;
  readonly exchanges: readonly Exchange[];
  readonly queues: readonly Queue[];
  readonly bindings: readonly Binding[];
  readonly policies: readonly Policy[];
}
