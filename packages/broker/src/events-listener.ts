import { exchangeNames } from '@warren/topology';
import type { Channel } from 'amqplib';
import type { Logger } from 'pino';
import type { BrokerConnection } from './connection.js';
import type { OpenedChannel } from './connection-channel.js';
import type { TaskEvent } from './events.js';
import { type ChannelLoss, messageOf } from './exception.js';

export interface ListenEventsOptions {
  /** Topic patterns over `<type>.<task-id>.<event>`: `summarize.*.*`, `*.<task-id>.#`. RabbitMQ from 4.3.5 on takes at most two `#` in one. */
  readonly bindingKeys: readonly string[];
  readonly log: Logger;
  /** Called for each event. What it throws is logged. */
  onEvent(event: TaskEvent): void;
  /** Called each time that listening starts, again after a reconnect. What happened before is in the ledger and nowhere else: read it now. */
  onListening?(): void;
  /** How long to wait for the first start, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
}

export interface EventListener {
  close(): Promise<void>;
}

/** Events waiting for one listener, at most; the oldest go first. */
const maxWaitingEvents = 10_000;

/**
 * Listens to exchange `events` through a queue that lives and dies with the connection (exclusive: RabbitMQ from 4.3 on
 * refuses other transient ones). Resolves when events come; rejects when that takes longer than `timeoutMs`.
 */
export async function listenEvents(connection: BrokerConnection, options: ListenEventsOptions): Promise<EventListener> {
  const { timeoutMs = 10_000 } = options;
  const listener = new ExclusiveListener(connection, options);
  try {
    await listener.started(timeoutMs);
  } catch (error) {
    await listener.close();
    throw error;
  }
  return listener;
}

class ExclusiveListener implements EventListener {
  readonly #options: ListenEventsOptions;
  readonly #opened: OpenedChannel;
  #tellStarted: (() => void) | undefined;
  #isStarted = false;
  #obstacle = 'no connection';

  constructor(connection: BrokerConnection, options: ListenEventsOptions) {
    this.#options = options;
    this.#opened = connection.openChannel({
      name: `listener to exchange "${exchangeNames.events}"`,
      onOpen: (channel) => this.#onOpen(channel),
      onLost: (loss) => this.#onLost(loss),
      onEnd: () => undefined,
    });
  }

  started(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        const what = `can't listen to exchange "${exchangeNames.events}" after ${timeoutMs} ms: ${this.#obstacle}`;
        reject(new Error(`${what}. Check the connection, or apply the topology`));
      }, timeoutMs);
      this.#tellStarted = () => {
        clearTimeout(late);
        resolve();
      };
      if (this.#isStarted) this.#tellStarted();
    });
  }

  close(): Promise<void> {
    return this.#opened.close();
  }

  async #onOpen(channel: Channel): Promise<void> {
    const { bindingKeys, onListening } = this.#options;
    const { queue } = await channel.assertQueue('', {
      exclusive: true,
      autoDelete: true,
      durable: false,
      maxLength: maxWaitingEvents,
    });
    for (const key of bindingKeys) await channel.bindQueue(queue, exchangeNames.events, key);
    const onMessage = (message: { fields: { routingKey: string }; content: Buffer } | null) => {
      if (message === null) this.#opened.reopen('the queue of events was deleted');
      else this.#tell({ routingKey: message.fields.routingKey, body: message.content });
    };
    await channel.consume(queue, onMessage, { noAck: true, exclusive: true });
    this.#isStarted = true;
    this.#tellStarted?.();
    onListening?.();
  }

  #tell(event: TaskEvent): void {
    try {
      this.#options.onEvent(event);
    } catch (error) {
      this.#options.log.error({ err: error, event: event.routingKey }, `an event handler threw: ${messageOf(error)}`);
    }
  }

  #onLost(loss: ChannelLoss): void {
    this.#obstacle = loss.message;
  }
}
