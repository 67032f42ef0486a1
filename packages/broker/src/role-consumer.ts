import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { BrokerConnection } from './connection.js';
import { type Consumer, consume, consumingWithinMs, type Delivery } from './consumer.js';
import { messageOf } from './exception.js';

/** How much of its prefetch a queue needed lately. */
export interface QueueLoad {
  readonly queue: string;
  /** All of its prefetch was in hand at some moment: there may be more waiting behind. */
  readonly isBusy: boolean;
}

export interface RoleConsumerOptions {
  /** The names of the queues that hold messages of the role now. Asked again every `lookEveryMs`. */
  readonly queues: () => Promise<readonly string[]>;
  /** The prefetch of each, in the same order: at least 1. Asked again every `shareEveryMs`. */
  readonly share: (loads: readonly QueueLoad[]) => readonly number[];
  /** As `ConsumeOptions.onDelivery`. */
  onDelivery(delivery: Delivery, queue: string): void | Promise<void>;
  readonly log: Logger;
  /** In milliseconds. Default 5,000. */
  readonly lookEveryMs?: number;
  /** In milliseconds. Default 1,000. */
  readonly shareEveryMs?: number;
}

/** A consumer of all queues that a role has, however often they are replaced by others. */
export type RoleConsumer = Pick<Consumer, 'held' | 'untilConsuming' | 'pause' | 'resume' | 'cancel'>;

const defaults = { lookEveryMs: 5_000, shareEveryMs: 1_000 } as const;
/** How soon to ask again where it was never answered which queues there are, in milliseconds. */
const firstLookAgainMs = 250;

/** Begins to consume what there is, as soon as it is known what that is. */
export function consumeRole(connection: BrokerConnection, options: RoleConsumerOptions): RoleConsumer {
  return new QueuesConsumer(connection, options);
}

interface Member {
  readonly consumer: Consumer;
  /** The most that was in hand since the prefetches were shared out. */
  peak: number;
}

class QueuesConsumer implements RoleConsumer {
  readonly #connection: BrokerConnection;
  readonly #options: RoleConsumerOptions;
  readonly #members = new Map<string, Member>();
  /** Of queues that the role has no more: they settle what they have in hand. */
  readonly #leaving = new Set<Consumer>();
  #wanted: 'consuming' | 'paused' | 'cancelled' = 'consuming';
  readonly #known: Promise<void>;
  #becomeKnown = () => {};
  #looking: NodeJS.Timeout | undefined;
  readonly #sharing: NodeJS.Timeout;

  constructor(connection: BrokerConnection, options: RoleConsumerOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#known = new Promise((resolve) => {
      this.#becomeKnown = resolve;
    });
    this.#sharing = setInterval(() => this.#share(), options.shareEveryMs ?? defaults.shareEveryMs).unref();
    void this.#look();
  }

  get held(): number {
    return this.#consumers().reduce((sum, { held }) => sum + held, 0);
  }

  async untilConsuming(withinMs = consumingWithinMs): Promise<void> {
    const timer = new AbortController();
    const late = sleep(withinMs, undefined, { signal: timer.signal }).then(() => {
      throw new Error(`which queues there are could not be read within ${withinMs} ms: check the ledger`);
    });
    try {
      await Promise.race([this.#known, late]);
    } finally {
      timer.abort();
      late.catch(() => undefined);
    }
    await Promise.all([...this.#members.values()].map(({ consumer }) => consumer.untilConsuming(withinMs)));
  }

  async pause(): Promise<void> {
    if (this.#wanted === 'consuming') this.#wanted = 'paused';
    await Promise.all(this.#consumers().map((consumer) => consumer.pause()));
  }

  async resume(): Promise<void> {
    if (this.#wanted === 'paused') this.#wanted = 'consuming';
    await Promise.all([...this.#members.values()].map(({ consumer }) => consumer.resume()));
  }

  async cancel(): Promise<void> {
    this.#wanted = 'cancelled';
    clearTimeout(this.#looking);
    clearInterval(this.#sharing);
    await Promise.all(this.#consumers().map((consumer) => consumer.cancel()));
  }

  async #look(): Promise<void> {
    let againMs = this.#options.lookEveryMs ?? defaults.lookEveryMs;
    try {
      this.#follow(await this.#options.queues());
      this.#becomeKnown();
    } catch (error) {
      const reason = messageOf(error);
      this.#options.log.debug({ reason }, 'which queues there are could not be read: the same as before');
      if (this.#members.size === 0) againMs = Math.min(againMs, firstLookAgainMs);
    }
    this.#letGo();
    if (this.#wanted !== 'cancelled') this.#looking = setTimeout(() => void this.#look(), againMs).unref();
  }

  /** Consumes these queues and no others. */
  #follow(queues: readonly string[]): void {
    if (this.#wanted === 'cancelled') return;
    for (const [queue, { consumer }] of this.#members) if (!queues.includes(queue)) this.#leave(queue, consumer);
    const fresh = queues.filter((queue) => !this.#members.has(queue));
    if (fresh.length === 0) return;
    const loads = queues.map((queue) => ({ queue, isBusy: fresh.includes(queue) || this.#isBusy(queue) }));
    const shares = this.#options.share(loads);
    for (const [index, queue] of queues.entries()) if (fresh.includes(queue)) this.#join(queue, shares[index] ?? 1);
    this.#share();
  }

  #join(queue: string, prefetch: number): void {
    const { log, onDelivery } = this.#options;
    const consumer = consume(this.#connection, {
      queue,
      prefetch,
      log,
      onDelivery: (delivery) => {
        const member = this.#members.get(queue);
        if (member) member.peak = Math.max(member.peak, consumer.held);
        return onDelivery(delivery, queue);
      },
    });
    this.#members.set(queue, { consumer, peak: 0 });
    if (this.#wanted === 'paused') void consumer.pause();
  }

  /** Nothing new from it; the channel stays for what it has delivered, and goes with the last of that. */
  #leave(queue: string, consumer: Consumer): void {
    this.#members.delete(queue);
    this.#leaving.add(consumer);
    this.#options.log.info({ queue }, 'queue is consumed no more: another one took its place');
    void consumer.pause();
  }

  #letGo(): void {
    for (const consumer of this.#leaving) {
      if (consumer.held > 0) continue;
      this.#leaving.delete(consumer);
      void consumer.cancel();
    }
  }

  /** A change is a word or three on the wire, so each is worth it only where the share is another. */
  #share(): void {
    const loads = [...this.#members.keys()].map((queue) => ({ queue, isBusy: this.#isBusy(queue) }));
    const shares = this.#options.share(loads);
    for (const [index, { consumer }] of [...this.#members.values()].entries()) {
      const share = shares[index] ?? 1;
      if (consumer.prefetch !== share) void consumer.setPrefetch(share);
    }
    for (const member of this.#members.values()) member.peak = member.consumer.held;
  }

  #isBusy(queue: string): boolean {
    const member = this.#members.get(queue);
    return member !== undefined && member.peak >= member.consumer.prefetch;
  }

  #consumers(): Consumer[] {
    return [...[...this.#members.values()].map(({ consumer }) => consumer), ...this.#leaving];
  }
}
