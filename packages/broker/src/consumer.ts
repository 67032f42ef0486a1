import { EventEmitter } from 'node:events';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { Logger } from 'pino';
import { type BrokerConnection, connectionDefaults } from './connection.js';
import type { OpenedChannel } from './connection-channel.js';
import { callEach } from './connection-emit.js';
import { type Delivery, HeldDelivery, type Settlement } from './consumer-delivery.js';
import { type ChannelLoss, messageOf } from './exception.js';
import { type Backoff, createBackoff, defaultReconnectPolicy, type ReconnectPolicy } from './reconnect-backoff.js';

export type { Delivery } from './consumer-delivery.js';

export interface ConsumeOptions {
  readonly queue: string;
  /** Deliveries in hand at most, 1 to 65,535. Counted for this consumer alone (basic.qos with global=false). */
  readonly prefetch: number;
  /**
   * Called for each delivery, which it settles now or later. When it throws or rejects, that is logged and the delivery
   * stays unsettled: an ack would lose the message, a requeue would bring it back at once, for ever. It keeps its place
   * in the prefetch and returns to the queue when the channel closes.
   */
  onDelivery(delivery: Delivery): void | Promise<void>;
  readonly log: Logger;
  /** Shown in the management UI. Default: the broker makes one up. */
  readonly consumerTag?: string;
  /** Arguments of basic.consume, such as `x-priority`. */
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** Waits before consuming again after the broker cancelled. Default {@link defaultReconnectPolicy}. */
  readonly reconnect?: ReconnectPolicy;
  /** How long `pause` and `resume` wait for the broker's answer, in milliseconds. Default `connectionDefaults.closeGraceMs`. */
  readonly answerWithinMs?: number;
  readonly random?: () => number;
  readonly now?: () => number;
}

/** Where a consumer stands, by what was last said on the wire. */
export type ConsumerState =
  /** Before basic.consume-ok: no connection, or no channel yet. */
  | 'opening'
  /** basic.consume-ok: deliveries come. */
  | 'consuming'
  /** basic.cancel from the broker (the queue was deleted, or the consumer timed out), or channel.close (404: no such queue). Consumes again after a wait, until it succeeds. */
  | 'waiting'
  /** basic.cancel-ok after `pause`, or no channel since: deliveries in hand can be settled, no new ones come. */
  | 'paused'
  /** channel.close after `cancel`, or the connection was closed: for good. */
  | 'cancelled';

/** How long a queue may take to be consumed after a service's start, in milliseconds. */
export const consumingWithinMs = 15_000;

/** One event a state, when it is entered. A listener that throws is logged. */
export interface ConsumerEvents {
  opening: [why: { readonly reason: string }];
  consuming: [];
  waiting: [why: { readonly reason: string }];
  paused: [];
  cancelled: [];
}

/** A consumer that comes back until it is cancelled. */
export interface Consumer {
  readonly queue: string;
  readonly state: ConsumerState;
  readonly events: EventEmitter<ConsumerEvents>;
  /** Deliveries in hand: delivered by the present channel and not settled. */
  readonly held: number;
  /** The count that was asked for last. */
  readonly prefetch: number;
  /** Settlements that came too late (or a second time) and were dropped. */
  readonly dropped: number;
  /**
   * Resolves when deliveries come, or when it is paused: then they don't because somebody wants it so. Rejects when they
   * don't within `withinMs` (default {@link consumingWithinMs}) or the consumer is cancelled, saying why and what to do.
   */
  untilConsuming(withinMs?: number): Promise<void>;
  /**
   * basic.cancel. Resolves when no further delivery will be handed out, by the broker's answer or without it
   * `answerWithinMs` later; what still comes then goes back to the queue. Deliveries in hand can still be settled.
   */
  pause(): Promise<void>;
  /** basic.consume again. Resolves when deliveries may come, or at once without a connection, or `answerWithinMs` later without an answer. */
  resume(): Promise<void>;
  /**
   * basic.cancel, basic.qos and basic.consume: the broker counts a prefetch for consumers that begin after it. What is in
   * hand stays so and does not count any more, so for a moment there may be the old count and the new one together.
   * Resolves as `resume` does. Throws a RangeError for a count that is none.
   */
  setPrefetch(prefetch: number): Promise<void>;
  /** channel.close: what is in hand goes back to the queue. To drain: `pause()`, settle, `cancel()`. */
  cancel(): Promise<void>;
}

/** Starts to consume, on a channel of its own, as soon as there is a connection; a queue that doesn't exist yet is waited for. */
export function consume(connection: BrokerConnection, options: ConsumeOptions): Consumer {
  assertPrefetch(options.prefetch, options.queue);
  return new QueueConsumer(connection, options);
}

function assertPrefetch(prefetch: number, queue: string): void {
  if (Number.isInteger(prefetch) && prefetch >= 1 && prefetch <= 65_535) return;
  throw new RangeError(`prefetch ${prefetch} of queue "${queue}" is not a whole number from 1 to 65535`);
}

/** One channel and what came by it. */
interface Session {
  readonly channel: Channel;
  readonly held: Set<HeldDelivery>;
  /** Present between basic.consume-ok and its end, with the prefetch that it began with. */
  tag: string | undefined;
  prefetch: number;
  /** The last thing said about consuming; the next one waits for it. */
  aligning: Promise<void>;
}

class QueueConsumer implements Consumer {
  readonly queue: string;
  readonly events = new EventEmitter<ConsumerEvents>();
  readonly #options: ConsumeOptions;
  readonly #log: Logger;
  readonly #backoff: Backoff;
  readonly #opened: OpenedChannel;
  #wanted: 'consuming' | 'paused' | 'cancelled' = 'consuming';
  #prefetch: number;
  #state: ConsumerState = 'opening';
  /** Of the last state. */
  #reason = 'no channel yet';
  #session: Session | undefined;
  #retry: NodeJS.Timeout | undefined;
  #dropped = 0;
  #cancelling: Promise<void> | undefined;

  constructor(connection: BrokerConnection, options: ConsumeOptions) {
    const { queue, reconnect = defaultReconnectPolicy, random = Math.random, now = () => performance.now() } = options;
    this.queue = queue;
    this.#options = options;
    this.#prefetch = options.prefetch;
    this.#log = options.log.child({ queue });
    this.#backoff = createBackoff(reconnect, random, now);
    this.#opened = connection.openChannel({
      name: `consumer of queue "${queue}"`,
      onOpen: (channel) => this.#onOpen(channel),
      onLost: (loss) => this.#onLost(loss),
      onEnd: () => this.#onEnd(),
    });
  }

  get state(): ConsumerState {
    return this.#state;
  }

  get held(): number {
    return this.#session?.held.size ?? 0;
  }

  get prefetch(): number {
    return this.#prefetch;
  }

  get dropped(): number {
    return this.#dropped;
  }

  untilConsuming(withinMs = consumingWithinMs): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (failure?: string) => {
        clearTimeout(timer);
        this.events.off('consuming', onReady).off('paused', onReady).off('cancelled', onCancelled);
        if (failure === undefined) resolve();
        else reject(new Error(`queue "${this.queue}" could not be consumed ${failure}`));
      };
      const onReady = () => settle();
      const onCancelled = () => settle('because its consumer was cancelled: start the service again');
      const onTimeout = () =>
        settle(`within ${withinMs} ms (${this.#reason}): run "warren topology apply", then start again`);
      const timer = setTimeout(onTimeout, withinMs);
      this.events.on('consuming', onReady).on('paused', onReady).on('cancelled', onCancelled);
      if (this.#state === 'consuming' || this.#state === 'paused') onReady();
      else if (this.#state === 'cancelled') onCancelled();
    });
  }

  async pause(): Promise<void> {
    if (this.#wanted === 'cancelled') return;
    this.#wanted = 'paused';
    clearTimeout(this.#retry);
    await this.#alignInTime();
    if (this.#wanted === 'paused') this.#enter('paused');
  }

  async resume(): Promise<void> {
    if (this.#wanted === 'cancelled') return;
    this.#wanted = 'consuming';
    if (this.#session === undefined && this.#state === 'paused') this.#enter('opening', 'no channel yet');
    await this.#alignInTime();
  }

  async setPrefetch(prefetch: number): Promise<void> {
    assertPrefetch(prefetch, this.queue);
    this.#prefetch = prefetch;
    await this.#alignInTime();
  }

  cancel(): Promise<void> {
    this.#cancelling ??= this.#shutDown();
    return this.#cancelling;
  }

  async #shutDown(): Promise<void> {
    this.#wanted = 'cancelled';
    this.#endSession('the consumer was cancelled');
    await this.#opened.close();
    this.#enter('cancelled');
  }

  async #onOpen(channel: Channel): Promise<void> {
    const session: Session = { channel, held: new Set(), tag: undefined, prefetch: 0, aligning: Promise.resolve() };
    this.#session = session;
    await this.#align(session);
  }

  #onLost(loss: ChannelLoss): void {
    this.#endSession(loss.message);
    if (this.#wanted !== 'consuming') return;
    if (loss.kind === 'channel-lost') this.#enter('waiting', missingQueue(loss, this.queue) ?? loss.message);
    else this.#enter('opening', loss.message);
  }

  #onEnd(): void {
    this.#wanted = 'cancelled';
    this.#endSession('the connection was closed');
    this.#enter('cancelled');
  }

  #endSession(reason: string): void {
    clearTimeout(this.#retry);
    const held = this.#session?.held ?? [];
    this.#session = undefined;
    for (const delivery of held) delivery.lose(reason);
  }

  /** A blocked connection answers nothing, for as long as the broker's alarm lasts. */
  #alignInTime(): Promise<void> {
    const { answerWithinMs = connectionDefaults.closeGraceMs } = this.#options;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, answerWithinMs);
      void this.#alignPresent().finally(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** A failure here means that the channel is gone, and then `onLost` has seen to it. */
  async #alignPresent(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    try {
      await this.#align(session);
    } catch (error) {
      if (this.#session === session) this.#opened.reopen(messageOf(error));
    }
  }

  /** Says on the wire what is wanted, one thing after the other. */
  #align(session: Session): Promise<void> {
    const step = async () => {
      if (this.#session !== session) return;
      const fits = this.#wanted === 'consuming' && session.prefetch === this.#prefetch;
      if (session.tag !== undefined && !fits && this.#wanted !== 'cancelled') {
        await this.#stopConsuming(session, session.tag);
      }
      if (this.#wanted === 'consuming' && session.tag === undefined) await this.#startConsuming(session);
    };
    session.aligning = session.aligning.then(step, step);
    return session.aligning;
  }

  async #startConsuming(session: Session): Promise<void> {
    const { consumerTag, arguments: args } = this.#options;
    let cancelled = false;
    const onMessage = (message: ConsumeMessage | null) => {
      if (message !== null) {
        this.#onMessage(session, message);
        return;
      }
      cancelled = true;
      this.#onCancelledByBroker(session);
    };
    const options = {
      ...(consumerTag === undefined ? {} : { consumerTag }),
      ...(args === undefined ? {} : { arguments: args }),
    };
    const prefetch = this.#prefetch;
    await session.channel.prefetch(prefetch, false);
    if (this.#session !== session) return;
    const ok = await session.channel.consume(this.queue, onMessage, options);
    // The broker's basic.cancel may be read together with its basic.consume-ok, before this line.
    if (this.#session !== session || cancelled) return;
    session.tag = ok.consumerTag;
    session.prefetch = prefetch;
    this.#backoff.opened();
    this.#enter('consuming');
  }

  async #stopConsuming(session: Session, tag: string): Promise<void> {
    await session.channel.cancel(tag);
    session.tag = undefined;
  }

  /** The broker says this as a message that is `null`. The channel lives, and what came by it can be settled. */
  #onCancelledByBroker(session: Session): void {
    if (this.#session !== session) return;
    session.tag = undefined;
    if (this.#wanted !== 'consuming') return;
    const delayMs = this.#backoff.nextDelayMs();
    const reason = `the broker cancelled the consumer: queue "${this.queue}" was deleted, or a delivery was held for longer than its consumer timeout`;
    this.#log.warn({ delayMs: Math.round(delayMs) }, `${reason}; consuming again after a wait`);
    this.#enter('waiting', reason);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#alignPresent(), delayMs);
  }

  #onMessage(session: Session, message: ConsumeMessage): void {
    if (this.#session !== session) return;
    // It was on its way when the consumer stopped waiting for the answer to its basic.cancel.
    if (this.#state === 'paused' && this.#wanted === 'paused') {
      say(session.channel, message, 'requeue');
      return;
    }
    const delivery = new HeldDelivery(message, this.queue, (held, settlement) =>
      this.#settle(session, message, held, settlement),
    );
    session.held.add(delivery);
    const failed = (error: unknown) =>
      this.#log.error(
        { err: error, messageId: delivery.properties.messageId },
        'a delivery handler failed: its message stays unsettled until the channel closes',
      );
    try {
      Promise.resolve(this.#options.onDelivery(delivery)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** A tag counts on its own channel only: said on another, it would ack another message or close the channel (406). */
  #settle(session: Session, message: ConsumeMessage, delivery: HeldDelivery, settlement: Settlement): boolean {
    if (this.#session === session && session.held.delete(delivery) && say(session.channel, message, settlement))
      return true;
    this.#dropped += 1;
    this.#log.warn(
      { messageId: delivery.properties.messageId, settlement },
      'settlement dropped: the channel of the delivery is gone, or it was settled before',
    );
    return false;
  }

  #enter(state: ConsumerState, reason = ''): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#reason = reason;
    callEach(this.events.rawListeners(state), state, reason === '' ? [] : [{ reason }], this.#log);
  }
}

/** False when the connection is closing already, which amqplib tells by throwing. */
function say(channel: Channel, message: ConsumeMessage, settlement: Settlement): boolean {
  try {
    if (settlement === 'ack') channel.ack(message);
    else channel.nack(message, false, true);
    return true;
  } catch {
    return false;
  }
}

function missingQueue(loss: ChannelLoss & { kind: 'channel-lost' }, queue: string): string | undefined {
  return loss.code === 404 ? `queue "${queue}" does not exist: apply the topology` : undefined;
}
