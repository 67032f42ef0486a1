import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import {
  consumeRole,
  consumingWithinMs,
  createInHand,
  createLedgerPatience,
  openServiceGround,
  stopWithinMs,
  taskFacts,
} from '@warren/broker';
import type { Service } from '@warren/cli';
import { createIntake } from '@warren/intake';
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
  /** How long queue `submitted` may take to be consumed, in milliseconds. Default {@link consumingWithinMs}. */
  readonly readyWithinMs?: number;
}

/**
 * Takes in what other languages publish to exchange `submit`, until it is stopped. Resolves when it consumes; rejects
 * when the broker or the ledger can't be reached, naming the address, and when queue `submitted` is not there.
 */
export async function startProducer(options: ProducerOptions): Promise<Producer> {
  const { config, now = Date.now, readyWithinMs = consumingWithinMs } = options;
  const name = `producer#${randomUUID().slice(0, 8)}`;
  const log = options.log.child({ worker: name });
  const ground = await openServiceGround({ config, name, log, now });
  const { dispatcher, events, ledger } = ground;

  const stop = new AbortController();
  // One listener a delivery that waits: from eleven on Node would warn of a leak.
  setMaxListeners(0, stop.signal);
  const inHand = createInHand({ stop: stop.signal, log });
  const counts: TakenIn = { accepted: 0, duplicates: 0, parked: 0 };
  const pauses = countedPauses(() => consumer, stop.signal);
  const parts = {
    intake: createIntake({
      ledger,
      dispatcher,
      now,
      outboxLimit: config.outboxLimit,
      onPublishFailed: (task, err) =>
        log.warn({ err, ...taskFacts(task), owed: task.owed }, 'publish failed: the sweeper will make it good'),
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
  const consumer = consumeRole(ground.consuming, {
    queues: () => ground.queuesOf(queueNames.submitted),
    share: (loads) => loads.map(() => config.prefetch),
    log,
    onDelivery: (delivery) => inHand.keep(delivery, () => takeIn(delivery, parts)),
  });
  try {
    await consumer.untilConsuming(readyWithinMs);
    return { counts, stop: shutDown, stopWithinMs: stopWithinMs(config) };
  } catch (error) {
    await shutDown();
    throw error;
  }

  /** In this order: no new deliveries, then those in hand, then what they need to settle, then the ground. */
  async function shutDown(): Promise<void> {
    // What waits for the ledger or for room goes back to the queue now; the rest has its time to end.
    stop.abort();
    log.info({ inHand: inHand.size, drainMs: config.drainMs }, 'draining');
    await consumer.pause();
    await inHand.emptyWithin(config.drainMs);
    await consumer.cancel();
    await ground.close();
    log.info(counts, 'stopped');
  }
}
