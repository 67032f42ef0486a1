import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connectBroker,
  consume,
  createDispatcher,
  createEventPublisher,
  createLedgerPatience,
  createPublisher,
  createTurns,
  type Delivery,
  discoverDelay,
} from '@warren/broker';
import { type Ledger, openLedger } from '@warren/ledger';
import type { TaskType } from '@warren/tasks';
import { workQueue } from '@warren/topology';
import type { Logger } from 'pino';
import type { WorkerConfig } from './config.js';
import { abortGraceMs } from './handle.js';
import type { Handler } from './handler.js';
import { type WorkParts, work } from './work.js';

export interface Worker {
  /** `<name>#<suffix>`, as it stands in leases and attempts. */
  readonly name: string;
  /**
   * Drains: nothing new is taken, running tasks have `drainMs` to finish, what is left is released to other workers.
   * Resolves when everything is let go, at the latest `drainMs` and some seconds after the call.
   */
  stop(): Promise<void>;
}

/** How long a delivery that met an unforeseen error is kept before it goes back, in milliseconds. */
const giveBackAfterMs = 1_000;

export interface RunWorkerOptions<Input, Result> {
  readonly type: TaskType<Input, Result>;
  readonly handler: Handler<Input, Result>;
  readonly config: WorkerConfig;
  readonly log: Logger;
  readonly now?: () => number;
}

/**
 * Works the tasks of one type until it is stopped. Resolves when it consumes; rejects when the broker or the ledger
 * can't be reached, naming the address.
 */
export async function runWorker<Input, Result>(options: RunWorkerOptions<Input, Result>): Promise<Worker> {
  const { config, type, now = Date.now } = options;
  const name = `${config.name}#${randomUUID().slice(0, 8)}`;
  const log = options.log.child({ worker: name, type: type.name });

  const ledger = await openLedger(config.ledgerUrl);
  const { delay, brokerVersion, reason } = await discoverDelay({ amqpUrl: config.amqpUrl, wanted: config.delay });
  log.info({ delay: delay.mechanism, reason, brokerVersion, ledger: ledger.label }, 'found out what there is');
  const connection = await connectBroker({ urls: config.amqpUrl, name, log });
  const publisher = createPublisher(connection);
  const events = createEventPublisher(connection, { log });
  const dispatcher = createDispatcher({ ledger, publisher, delay, now, newCopy: randomUUID });

  const stop = new AbortController();
  let draining = false;
  const inHand = new Set<Promise<void>>();
  const parts: WorkParts<Input, Result> = {
    type,
    handler: options.handler,
    worker: name,
    ledger,
    patience: createLedgerPatience({
      ledger,
      consumers: () => [consumer],
      signal: stop.signal,
      draining: () => draining,
      log,
    }),
    dispatcher,
    publisher,
    events,
    turns: createTurns(),
    draining: () => draining,
    stop: stop.signal,
    now,
    log,
  };
  const consumer = consume(connection, {
    queue: workQueue(type.name),
    prefetch: config.concurrency,
    log,
    onDelivery: (delivery) => keepInHand(delivery),
  });

  return { name, stop: stopOnce() };

  async function keepInHand(delivery: Delivery): Promise<void> {
    const way = work(delivery, parts);
    inHand.add(way);
    try {
      await way;
    } catch (error) {
      await giveBack(delivery, error);
    } finally {
      inHand.delete(way);
    }
  }

  /**
   * Something unforeseen: a message that could not be put back, a defect. The ledger has whatever was committed, so the
   * message may come again; the wait keeps it from coming again at once, over and over.
   */
  async function giveBack(delivery: Delivery, error: unknown): Promise<void> {
    if (stop.signal.aborted) return;
    log.error({ err: error, messageId: delivery.properties.messageId }, 'a delivery goes back to its queue');
    await sleep(giveBackAfterMs, undefined, { signal: stop.signal }).catch(() => undefined);
    delivery.requeue();
  }

  function stopOnce(): () => Promise<void> {
    let stopping: Promise<void> | undefined;
    return () => {
      stopping ??= shutDown();
      return stopping;
    };
  }

  /** In this order: no new deliveries, then the running ones, then what they need to settle, then the ground. */
  async function shutDown(): Promise<void> {
    draining = true;
    log.info({ running: inHand.size, drainMs: config.drainMs }, 'draining');
    await consumer.pause();
    await settledWithin(inHand, config.drainMs);
    stop.abort();
    await settledWithin(inHand, abortGraceMs + 1_000);
    await consumer.cancel();
    await events.close();
    await publisher.close();
    await connection.close();
    await closeLedger(ledger, log);
    log.info('stopped');
  }
}

async function settledWithin(ways: ReadonlySet<Promise<void>>, ms: number): Promise<void> {
  const timer = new AbortController();
  await Promise.race([
    Promise.allSettled([...ways]),
    sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined),
  ]);
  timer.abort();
}

/** A ledger that is away can't be waited for; what it was not told, the leases' ends will tell. */
async function closeLedger(ledger: Ledger, log: Logger): Promise<void> {
  try {
    await ledger.close();
  } catch (error) {
    log.warn({ err: error }, 'the ledger did not close cleanly');
  }
}
