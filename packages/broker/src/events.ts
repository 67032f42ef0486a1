import { maxHeaderBytes } from '@warren/tasks';
import { exchangeNames } from '@warren/topology';
import type { Channel } from 'amqplib';
import type { Logger } from 'pino';
import type { BrokerConnection } from './connection.js';
import type { OpenedChannel } from './connection-channel.js';
import { messageOf } from './exception.js';
import { checkPublication } from './publisher-check.js';

/** Largest body of an event, in bytes; more is dropped. What an event says at length is in the ledger. */
export const maxEventBytes = 64 * 1024;

/** Something that happened to a task: it wakes whoever listens, and may be lost. */
export interface TaskEvent {
  /** `<type>.<task-id>.<event>`. */
  readonly routingKey: string;
  /** JSON. */
  readonly body: Buffer;
}

export interface EventPublisher {
  /** Never throws and never waits. False when the event was dropped: no connection, no room, or too large. */
  publish(event: TaskEvent): boolean;
  /** Events dropped so far. */
  readonly dropped: number;
  /** Sends what it has taken and closes its channel. */
  close(): Promise<void>;
}

/** Publishes to exchange `events`, best effort: without confirms, not persistent, and only while the channel's buffer (1,024 frames) has room. */
export function createEventPublisher(connection: BrokerConnection, { log }: { readonly log: Logger }): EventPublisher {
  return new BestEffortPublisher(connection, log);
}

class BestEffortPublisher implements EventPublisher {
  readonly #connection: BrokerConnection;
  readonly #log: Logger;
  readonly #opened: OpenedChannel;
  #channel: Channel | undefined;
  #hasRoom = false;
  #dropped = 0;

  constructor(connection: BrokerConnection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
    this.#opened = connection.openChannel({
      name: 'events',
      onOpen: async (channel) => this.#onOpen(channel),
      onLost: () => this.#onLost(),
      onEnd: () => undefined,
    });
  }

  get dropped(): number {
    return this.#dropped;
  }

  publish(event: TaskEvent): boolean {
    if (this.#send(event)) return true;
    this.#dropped += 1;
    return false;
  }

  async close(): Promise<void> {
    this.#onLost();
    await this.#opened.close();
  }

  #onOpen(channel: Channel): void {
    this.#channel = channel;
    this.#hasRoom = true;
    channel.on('drain', () => {
      if (this.#channel === channel) this.#hasRoom = true;
    });
  }

  #onLost(): void {
    this.#channel = undefined;
    this.#hasRoom = false;
  }

  #send({ routingKey, body }: TaskEvent): boolean {
    if (this.#channel === undefined || !this.#hasRoom || this.#connection.blockedReason !== undefined) return false;
    const publication = { exchange: exchangeNames.events, routingKey, body, properties: { messageId: '' } };
    if (checkPublication(publication, { maxHeaderBytes, maxBodyBytes: maxEventBytes }) !== undefined) return false;
    try {
      this.#hasRoom = this.#channel.publish(exchangeNames.events, routingKey, body, {
        contentType: 'application/json',
        persistent: false,
      });
      return true;
    } catch (error) {
      this.#log.debug({ routingKey, reason: messageOf(error) }, 'event dropped');
      return false;
    }
  }
}
