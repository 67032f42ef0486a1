import { maxHeaderBytes } from '@warren/tasks';
import type { ConfirmChannel, Message, Options } from 'amqplib';
import { IllegalOperationError } from 'amqplib';
import type { BrokerConnection } from './connection.js';
import type { OpenedChannel } from './connection-channel.js';
import { type ChannelLoss, messageOf, PublishError, type PublishFailure } from './exception.js';
import { checkPublication, copyOf, type Publication, type SizeLimits } from './publisher-check.js';

export type { MessageProperties, Publication } from './publisher-check.js';

export interface PublisherOptions {
  /** Publishes sent and not yet confirmed, at most. */
  readonly maxInFlight?: number;
  /** Their bodies together, in bytes, at most; one that is larger alone travels alone. */
  readonly maxInFlightBytes?: number;
  /** Publishes waiting for a place or a connection, at most; the next one fails as `overloaded`. */
  readonly maxWaiting?: number;
  /** From the call to the confirm, in milliseconds. */
  readonly timeoutMs?: number;
  /** Largest body, in bytes. The broker's own limit closes the channel: 16 MiB from RabbitMQ 4.0 on. */
  readonly maxBodyBytes?: number;
}

const publisherDefaults = {
  maxInFlight: 1_000,
  maxInFlightBytes: 64 * 1024 * 1024,
  maxWaiting: 10_000,
  timeoutMs: 10_000,
  maxBodyBytes: 16 * 1024 * 1024,
} as const;

export interface Publisher {
  /**
   * Resolves when the broker has confirmed the message: it is in every queue that it was routed to. Rejects with a
   * {@link PublishError}; then it has not happened as far as the caller may assume, and publishing it again may make a
   * duplicate. Waits, in order of the calls and within `timeoutMs`, for a connection that takes publishes and a place.
   */
  publish(publication: Publication): Promise<void>;
  readonly inFlight: number;
  readonly waiting: number;
  /** Refuses new publishes, waits for those under way (each settles within `timeoutMs`), closes the channel. */
  close(): Promise<void>;
}

/** A publisher on a confirm channel of its own. */
export function createPublisher(connection: BrokerConnection, options: PublisherOptions = {}): Publisher {
  return new ConfirmPublisher(connection, { ...publisherDefaults, ...options, maxHeaderBytes });
}

interface Pending {
  readonly publication: Publication;
  readonly resolve: () => void;
  readonly reject: (error: PublishError) => void;
  timer: NodeJS.Timeout | undefined;
  /** The broker sent it back; its confirm is still to come. */
  returned: boolean;
  /** Its caller was told that it timed out; it keeps its place until the broker has settled it. */
  overdue: boolean;
}

class ConfirmPublisher implements Publisher {
  readonly #connection: BrokerConnection;
  readonly #limits: Required<PublisherOptions> & SizeLimits;
  readonly #opened: OpenedChannel;
  readonly #unblocked = () => this.#send();
  /** In order of their calls: a Set keeps it and gives up any member at once. */
  readonly #waiting = new Set<Pending>();
  readonly #inFlight = new Set<Pending>();
  #inFlightBytes = 0;
  #overdue = 0;
  #channel: ConfirmChannel | undefined;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;
  /** The connection was closed: nothing can be published any more. */
  #ended = false;

  constructor(connection: BrokerConnection, limits: Required<PublisherOptions> & SizeLimits) {
    this.#connection = connection;
    this.#limits = limits;
    connection.events.on('unblocked', this.#unblocked);
    this.#opened = connection.openConfirmChannel({
      name: 'publisher',
      onOpen: async (channel) => this.#onOpen(channel),
      onLost: (loss) => this.#onLost(loss),
      onEnd: () => this.#onEnd(),
    });
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  publish(publication: Publication): Promise<void> {
    const refusal = this.#refusal(publication);
    if (refusal !== undefined) return Promise.reject(errorOf(refusal, publication));
    return new Promise((resolve, reject) => {
      const pending: Pending = { publication, resolve, reject, timer: undefined, returned: false, overdue: false };
      pending.timer = setTimeout(() => this.#onTimeout(pending), this.#limits.timeoutMs);
      this.#waiting.add(pending);
      this.#send();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      this.#tellWhenIdle();
    });
    this.#connection.events.off('unblocked', this.#unblocked);
    await this.#opened.close();
  }

  #refusal(publication: Publication): PublishFailure | undefined {
    if (this.#ended) return { kind: 'closed', message: 'the connection was closed' };
    if (this.#closing !== undefined) return { kind: 'closed', message: 'the publisher was closed' };
    const waiting = this.#waiting.size;
    if (waiting >= this.#limits.maxWaiting) return { kind: 'overloaded', waiting };
    return checkPublication(publication, this.#limits);
  }

  /** Sends what waits, in order, as far as there are places. */
  #send(): void {
    for (const pending of this.#waiting) {
      const channel = this.#channel;
      if (channel === undefined || this.#connection.blockedReason !== undefined || !this.#hasPlaceFor(pending)) return;
      if (!this.#sendOne(channel, pending)) return;
    }
  }

  #hasPlaceFor({ publication }: Pending): boolean {
    if (this.#inFlight.size === 0) return true;
    const bytes = this.#inFlightBytes + publication.body.byteLength;
    return this.#inFlight.size < this.#limits.maxInFlight && bytes <= this.#limits.maxInFlightBytes;
  }

  /** False when the channel takes nothing any more; then the publication goes on waiting, first in line. */
  #sendOne(channel: ConfirmChannel, pending: Pending): boolean {
    const { exchange, routingKey, body } = pending.publication;
    const options = optionsOf(pending.publication);
    try {
      channel.publish(exchange, routingKey, body, options, (error) => this.#onConfirm(pending, error));
    } catch (error) {
      // amqplib encodes before it writes or counts, so the channel is as it was.
      if (error instanceof IllegalOperationError) return false;
      this.#settle(pending, { kind: 'invalid', field: 'message', message: `can't be encoded: ${messageOf(error)}` });
      return true;
    }
    this.#waiting.delete(pending);
    this.#inFlight.add(pending);
    this.#inFlightBytes += body.byteLength;
    return true;
  }

  #onOpen(channel: ConfirmChannel): void {
    this.#channel = channel;
    channel.on('return', (message: Message) => this.#onReturn(message));
    this.#send();
  }

  /** `error` is null for basic.ack. When the channel closes amqplib passes an error too; `onLost` knows more about that. */
  #onConfirm(pending: Pending, error: unknown): void {
    if (error !== null && messageOf(error) !== 'message nacked') return;
    if (!this.#inFlight.has(pending)) return;
    if (error !== null) this.#settle(pending, { kind: 'nacked' });
    else this.#settle(pending, pending.returned ? { kind: 'unroutable' } : undefined);
    this.#send();
  }

  /**
   * basic.return comes before the confirm and names no delivery tag. Where several publishes in flight look alike, all
   * of them fail: a wrong failure makes a duplicate, a wrong success would lose a message.
   */
  #onReturn({ fields, properties }: Message): void {
    const copy = copyOf(properties);
    for (const pending of this.#inFlight) {
      const { exchange, routingKey, properties: sent, mandatory } = pending.publication;
      pending.returned ||=
        mandatory === true &&
        exchange === fields.exchange &&
        routingKey === fields.routingKey &&
        sent.messageId === properties.messageId &&
        copyOf(sent) === copy;
    }
  }

  #onTimeout(pending: Pending): void {
    if (this.#waiting.has(pending)) {
      const failure = this.#lateness(this.#missing());
      this.#reopenWhenStuck();
      this.#settle(pending, failure);
      return;
    }
    // What was sent and may yet be confirmed keeps its place: otherwise a stalled broker would make us buffer without end.
    pending.overdue = true;
    this.#overdue += 1;
    pending.reject(errorOf(this.#lateness('confirm'), pending.publication));
    this.#tellWhenIdle();
    this.#reopenWhenStuck();
  }

  #missing(): 'connection' | 'channel' | 'place' {
    if (!this.#connection.connected) return 'connection';
    return this.#channel === undefined ? 'channel' : 'place';
  }

  #lateness(waitedFor: 'connection' | 'channel' | 'place' | 'confirm'): PublishFailure {
    const { timeoutMs } = this.#limits;
    const reason = this.#connection.blockedReason;
    return reason === undefined ? { kind: 'timed-out', waitedFor, timeoutMs } : { kind: 'blocked', reason, timeoutMs };
  }

  /** Every place is held by a publish whose confirm never came: only a new channel gives them back. */
  #reopenWhenStuck(): void {
    const { maxInFlight, timeoutMs } = this.#limits;
    const held = this.#inFlight.size;
    const wanted = this.#waiting.size > 0 || held >= maxInFlight;
    if (this.#connection.blockedReason !== undefined || held === 0 || this.#overdue < held || !wanted) return;
    this.#opened.reopen(`no confirm within ${timeoutMs} ms for any of ${held} publishes`);
  }

  #onLost(loss: ChannelLoss): void {
    this.#channel = undefined;
    for (const pending of this.#inFlight) this.#settle(pending, loss);
  }

  #onEnd(): void {
    this.#ended = true;
    this.#connection.events.off('unblocked', this.#unblocked);
    for (const pending of this.#waiting)
      this.#settle(pending, { kind: 'closed', message: 'the connection was closed' });
  }

  #settle(pending: Pending, failure: PublishFailure | undefined): void {
    clearTimeout(pending.timer);
    this.#waiting.delete(pending);
    if (this.#inFlight.delete(pending)) {
      this.#inFlightBytes -= pending.publication.body.byteLength;
      this.#overdue -= pending.overdue ? 1 : 0;
    }
    // An overdue one was rejected when it became so; this changes nothing for it.
    if (failure === undefined) pending.resolve();
    else pending.reject(errorOf(failure, pending.publication));
    this.#tellWhenIdle();
  }

  #tellWhenIdle(): void {
    if (this.#waiting.size === 0 && this.#inFlight.size === this.#overdue) this.#whenIdle?.();
  }
}

function errorOf(failure: PublishFailure, { exchange, routingKey, properties }: Publication): PublishError {
  return new PublishError(failure, { exchange, routingKey, messageId: properties.messageId });
}

function optionsOf({ properties, mandatory = false }: Publication): Options.Publish {
  const { messageId, type, contentType, contentEncoding, headers, priority } = properties;
  const { expiration, correlationId, replyTo, timestamp, appId, deliveryMode = 2 } = properties;
  return {
    mandatory,
    messageId,
    deliveryMode,
    ...(type === undefined ? {} : { type }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
    ...(headers === undefined ? {} : { headers }),
    ...(priority === undefined ? {} : { priority }),
    ...(expiration === undefined ? {} : { expiration }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(appId === undefined ? {} : { appId }),
  };
}
