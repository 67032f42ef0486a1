import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Consumer,
  connectBroker,
  consume,
  createDispatcher,
  createEventPublisher,
  createLedgerPatience,
  createPublisher,
  type Delivery,
  discoverDelay,
} from '@warren/broker';
import type { Service } from '@warren/cli';
import { createIntake } from '@warren/intake';
import { openLedger } from '@warren/ledger';
import { queueNames } from '@warren/topology';
import type { Logger } from 'pino';
import type { ProducerConfig } from './config.js';
import { countedPauses } from './pauses.js';
import { type TakenIn, takeIn } from './submitted.js';

export interface Producer extends Service {
  readonly counts: Readonly<TakenIn>;
}

export interface ProducerOptions {
  readonly config: ProducerConfig;
  readonly log: Logger;
  readonly now?: () => number;
  /** How long queue `submitted` may take to be consumed, in milliseconds. Default 15,000. */
  readonly readyWithinMs?: number;
}

/**
 * Takes in what other languages publish to exchange `submit`, until it is stopped. Resolves when it consumes; rejects
 * when the broker or the ledger can't be reached, naming the address.
 */
export async function startProducer(options: ProducerOptions): Promise<Producer> {
  const { config, log, now = Date.now, readyWithinMs = 15_000 } = options;
  const { delay, brokerVersion, reason } = await discoverDelay({ amqpUrl: config.amqpUrl, wanted: config.delay });
  const ledger = await openLedger(config.ledgerUrl);
  log.info({ delay: delay.mechanism, reason, brokerVersion, ledger: ledger.label }, 'found out what there is');
  const connection = await connectBroker({ urls: config.amqpUrl, name: `producer#${randomUUID().slice(0, 8)}`, log });
  const publisher = createPublisher(connection);
  const events = createEventPublisher(connection, { log });
  const dispatcher = createDispatcher({ ledger, publisher, delay, now, newCopy: randomUUID });

  const stop = new AbortController();
  const inHand = new Set<Promise<void>>();
  const counts: TakenIn = { accepted: 0, duplicates: 0, parked: 0 };
  const pauses = countedPauses(() => consumer, stop.signal);
  const parts = {
    intake: createIntake({
      ledger,
      dispatcher,
      now,
      outboxLimit: config.outboxLimit,
      onPublishFailed: (task, err) => log.warn({ err, task: task.id }, 'publish failed: the sweeper will make it good'),
    }),
    ledger,
    patience: createLedgerPatience({
      ledger,
      consumers: () => [pauses],
      signal: stop.signal,
      draining: () => stop.signal.aborted,
      log,
    }),
    pauses,
    events,
    stop: stop.signal,
    now,
    log,
    counts,
  };
  const consumer = consume(connection, {
    queue: queueNames.submitted,
    prefetch: config.prefetch,
    log,
    onDelivery: (delivery) => keepInHand(delivery),
  });

  if (await isConsuming(consumer, readyWithinMs)) return { counts, stop: shutDown };
  await shutDown();
  throw new Error(
    `queue "${queueNames.submitted}" could not be consumed within ${readyWithinMs} ms: run "warren topology apply", then start again`,
  );

  async function keepInHand(delivery: Delivery): Promise<void> {
    const way = takeIn(delivery, parts);
    inHand.add(way);
    try {
      await way;
    } catch (error) {
      // Left unsettled: the broker keeps it, and delivers it again when this channel is gone.
      const isExpected = stop.signal.aborted || delivery.lost.aborted;
      if (!isExpected) log.error({ err: error }, 'a delivery was left unsettled');
    } finally {
      inHand.delete(way);
    }
  }

  /** In this order: no new deliveries, then those in hand, then what they need to settle, then the ground. */
  async function shutDown(): Promise<void> {
    // What waits for the ledger or for room goes back to the queue now; the rest has its time to end.
    stop.abort();
    log.info({ inHand: inHand.size, drainMs: config.drainMs }, 'draining');
    await consumer.pause();
    const drained = new AbortController();
    const late = sleep(config.drainMs, undefined, { signal: drained.signal }).catch(() => undefined);
    await Promise.race([Promise.allSettled([...inHand]), late]);
    drained.abort();
    await consumer.cancel();
    await events.close();
    await publisher.close();
    await connection.close();
    await ledger.close().catch((err: unknown) => log.warn({ err }, 'the ledger did not close cleanly'));
    log.info(counts, 'stopped');
  }
}

async function isConsuming(consumer: Consumer, withinMs: number): Promise<boolean> {
  if (consumer.state === 'consuming') return true;
  try {
    await once(consumer.events, 'consuming', { signal: AbortSignal.timeout(withinMs) });
    return true;
  } catch {
    return false;
  }
}
