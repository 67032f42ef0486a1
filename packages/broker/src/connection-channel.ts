import type { Channel, ChannelModel } from 'amqplib';
import type { Logger } from 'pino';
import { type ChannelLoss, messageOf, replyCodeOf } from './exception.js';
import type { Backoff } from './reconnect-backoff.js';

/** What its owner does with a channel. No callback may throw. */
export interface ChannelOwner<C extends Channel> {
  /** For the log: `publisher`, `consumer of queue "tasks.summarize"`. */
  readonly name: string;
  /** channel.open-ok came: declare, consume. A rejection closes this channel; the next one comes after a backoff. */
  onOpen(channel: C): Promise<void>;
  /** The channel that the last `onOpen` got is gone, with every delivery and unconfirmed publish on it. */
  onLost(loss: ChannelLoss): void;
  /** There will be no other: the connection was closed by us. Comes once, after `onLost` where a channel was open. */
  onEnd(): void;
}

/** A channel that comes back: opened again when it or its connection dies, until it is closed. */
export interface OpenedChannel {
  /** Gives up the present channel at once and opens another after a backoff. */
  reopen(reason: string): void;
  /** Resolves when the broker has answered channel.close, or `graceMs` later. Calls neither `onLost` nor `onEnd`. */
  close(): Promise<void>;
}

interface Session<C> {
  readonly model: ChannelModel;
  readonly channel: C;
  /** What the broker said when it closed the channel. */
  closedBy: Error | undefined;
}

interface Settings {
  readonly backoff: Backoff;
  readonly graceMs: number;
  readonly log: Logger;
}

/**
 * Keeps one channel open on whatever connection there is. The connection manager's own channel wrapper is not used: it
 * stays dead after the broker closes a channel while the connection lives (404, 406), and says that it is connected.
 */
export class RecurringChannel<C extends Channel> implements OpenedChannel {
  readonly #open: (model: ChannelModel) => Promise<C>;
  readonly #owner: ChannelOwner<C>;
  readonly #settings: Settings;
  #model: ChannelModel | undefined;
  #session: Session<C> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(open: (model: ChannelModel) => Promise<C>, owner: ChannelOwner<C>, settings: Settings) {
    this.#open = open;
    this.#owner = owner;
    this.#settings = settings;
  }

  /** There is a connection. */
  attach(model: ChannelModel): void {
    if (this.#ended) return;
    this.#model = model;
    void this.#openOn(model);
  }

  /** The connection is gone, or is about to be closed. */
  detach(message: string): void {
    this.#model = undefined;
    clearTimeout(this.#retry);
    this.#lose({ kind: 'connection-lost', message });
  }

  /** The connection was closed by us. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#model = undefined;
    clearTimeout(this.#retry);
    this.#lose({ kind: 'closed', message: 'the connection was closed' });
    this.#owner.onEnd();
  }

  reopen(reason: string): void {
    if (this.#session !== undefined)
      this.#replace(this.#session, { kind: 'channel-lost', code: undefined, message: reason });
  }

  async close(): Promise<void> {
    const channel = this.#session?.channel;
    this.#ended = true;
    this.#model = undefined;
    this.#session = undefined;
    clearTimeout(this.#retry);
    if (channel !== undefined) await closedWithin(channel, this.#settings.graceMs);
  }

  async #openOn(model: ChannelModel): Promise<void> {
    let channel: C;
    try {
      channel = await this.#open(model);
    } catch (error) {
      this.#failedToOpen(model, error);
      return;
    }
    const session: Session<C> = { model, channel, closedBy: undefined };
    // Without an 'error' listener a channel that the broker closes takes the whole connection along.
    channel.on('error', (error: Error) => {
      session.closedBy = error;
    });
    channel.once('close', () => this.#closedUnderUs(session));
    if (this.#model !== model) {
      void closedWithin(channel, this.#settings.graceMs);
      return;
    }
    this.#session = session;
    await this.#letOwnerStart(session);
  }

  async #letOwnerStart(session: Session<C>): Promise<void> {
    try {
      await this.#owner.onOpen(session.channel);
      if (this.#session === session) this.#settings.backoff.opened();
    } catch (error) {
      // What closed the channel rejected this as well, and has been seen to.
      if (this.#session === session) this.#replace(session, lossOf(error));
    }
  }

  #failedToOpen(model: ChannelModel, error: unknown): void {
    if (this.#model === model) this.#openLater(model, lossOf(error));
  }

  #closedUnderUs(session: Session<C>): void {
    if (this.#session !== session) return;
    if (session.closedBy === undefined) {
      // Channels hear of the end of their connection before the connection does: what opens the next one is `attach`.
      this.#lose({ kind: 'connection-lost', message: 'the connection was lost' });
      return;
    }
    const loss = lossOf(session.closedBy);
    this.#lose(loss);
    this.#openLater(session.model, loss);
  }

  #replace(session: Session<C>, loss: ChannelLoss): void {
    this.#lose(loss);
    void closedWithin(session.channel, this.#settings.graceMs);
    this.#openLater(session.model, loss);
  }

  #lose(loss: ChannelLoss): void {
    if (this.#session === undefined) return;
    this.#session = undefined;
    this.#owner.onLost(loss);
  }

  #openLater(model: ChannelModel, loss: ChannelLoss): void {
    const delayMs = this.#settings.backoff.nextDelayMs();
    this.#settings.log.warn(
      { channel: this.#owner.name, loss, delayMs: Math.round(delayMs) },
      'channel lost: opening another after a wait',
    );
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#model === model) void this.#openOn(model);
    }, delayMs);
  }
}

function lossOf(error: unknown): ChannelLoss {
  return { kind: 'channel-lost', code: replyCodeOf(error), message: messageOf(error) };
}

/** channel.close on a stalled connection is never answered. */
async function closedWithin(channel: Channel, graceMs: number): Promise<void> {
  let giveUp: NodeJS.Timeout | undefined;
  const waited = new Promise<void>((resolve) => {
    giveUp = setTimeout(resolve, graceMs);
    channel.once('close', resolve);
  });
  // Throws or rejects only when the channel is closed already.
  const closed = Promise.resolve()
    .then(() => channel.close())
    .catch(() => undefined);
  await Promise.race([closed, waited]);
  clearTimeout(giveUp);
}
