import type { ConsumeMessage } from 'amqplib';
import type { MessageProperties } from './publisher-check.js';

/** A message that the broker has handed to us and waits to hear about. */
export interface Delivery {
  readonly content: Buffer;
  /** That it was delivered from. */
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  /** It was delivered before, to whomever, and not acked: its channel died or it was requeued. */
  readonly redelivered: boolean;
  readonly properties: MessageProperties;
  /**
   * basic.ack: done, the broker forgets it. False when it could not be said any more, because the channel that delivered
   * it is gone (the broker delivers it again) or because it was settled before.
   */
  ack(): boolean;
  /** basic.nack with requeue: back into its queue, at once. False as for `ack`. */
  requeue(): boolean;
  /** The channel is gone before the delivery was settled: the broker gives it to someone else. */
  readonly isLost: boolean;
  /** Aborted when that happens. */
  readonly lost: AbortSignal;
  /** Calls the listener when that happens; at once if it has. Costs less than a signal. */
  onLost(listener: () => void): void;
}

/** What becomes of a delivery, and the verb on the wire for it. */
export type Settlement = 'ack' | 'requeue';

/** A delivery bound to the channel that it came by. */
export class HeldDelivery implements Delivery {
  readonly content: Buffer;
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly properties: MessageProperties;
  readonly #settle: (delivery: HeldDelivery, settlement: Settlement) => boolean;
  #lostFor: Error | undefined;
  #lost: AbortController | undefined;
  #listeners: (() => void)[] | undefined;

  /** `settle` says it on the wire, or returns false. */
  constructor(
    message: ConsumeMessage,
    queue: string,
    settle: (delivery: HeldDelivery, settlement: Settlement) => boolean,
  ) {
    this.content = message.content;
    this.queue = queue;
    this.exchange = message.fields.exchange;
    this.routingKey = message.fields.routingKey;
    this.redelivered = message.fields.redelivered;
    this.properties = presentOnly(message.properties);
    this.#settle = settle;
  }

  ack(): boolean {
    return this.#settle(this, 'ack');
  }

  requeue(): boolean {
    return this.#settle(this, 'requeue');
  }

  get isLost(): boolean {
    return this.#lostFor !== undefined;
  }

  onLost(listener: () => void): void {
    if (this.isLost) listener();
    else if (this.#listeners) this.#listeners.push(listener);
    else this.#listeners = [listener];
  }

  /** Made when it is first asked for: most deliveries are settled without. */
  get lost(): AbortSignal {
    this.#lost ??= new AbortController();
    if (this.#lostFor !== undefined) this.#lost.abort(this.#lostFor);
    return this.#lost.signal;
  }

  lose(reason: string): void {
    this.#lostFor = new Error(`the delivery was lost: ${reason}`);
    this.#lost?.abort(this.#lostFor);
    for (const listener of this.#listeners ?? []) listener();
  }
}

/**
 * A copy of a message as it stands in one queue. While a queue is being replaced, an exchange may put one copy into the old
 * one and the new one; what the broker says of the one (that it came back) says nothing of the other.
 */
export function copyInQueue(copy: string, queue: string): string {
  return `${copy}@${queue}`;
}

/** amqplib names every property there is, `undefined` where the message has none; their types are AMQP's. */
function presentOnly(properties: ConsumeMessage['properties']): MessageProperties {
  const present: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(properties)) if (value !== undefined) present[name] = value;
  return present;
}
