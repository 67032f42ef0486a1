import { randomUUID } from 'node:crypto';
import {
  consumeRole,
  consumingWithinMs,
  createInHand,
  createLedgerPatience,
  createTurns,
  openServiceGround,
  stopWithinMs,
} from '@warren/broker';
import type { TaskType } from '@warren/tasks';
import { weightOf, workQueue } from '@warren/topology';
import type { Logger } from 'pino';
import type { WorkerConfig } from './config.js';
import { abortGraceMs } from './handle.js';
import type { Handler } from './handler.js';
import { Runs } from './run-stop.js';
import { sharePrefetch } from './share-prefetch.js';
import { createSlots } from './slots.js';
import { type WorkParts, work } from './work.js';

export interface Worker {
  /** `<name>#<suffix>`, as it stands in leases and attempts. */
  readonly name: string;
  /**
   * Drains: nothing new is taken, running tasks have `drainMs` to finish, what is left is released to other workers.
   * Resolves when everything is let go, at the latest `drainMs` and some seconds after the call.
   */
  stop(): Promise<void>;
  /** What `stop` takes at the most, in milliseconds. */
  readonly stopWithinMs: number;
}

export interface RunWorkerOptions<Input, Result> {
  readonly type: TaskType<Input, Result>;
  readonly handler: Handler<Input, Result>;
  readonly config: WorkerConfig;
  readonly log: Logger;
  readonly now?: () => number;
  /** How long the type's queue may take to be consumed, in milliseconds. Default {@link consumingWithinMs}. */
  readonly readyWithinMs?: number;
}

/**
 * How long a delivery may wait for its turn, in milliseconds. Together with the longest attempt it stays below the half
 * hour after which the broker, by its default, ends the channel of whoever holds a delivery.
 */
const maxSlotWaitMs = 4 * 60_000;

/**
 * Works the tasks of one type until it is stopped. Resolves when it consumes; rejects when the broker or the ledger
 * can't be reached, naming the address, and when the type's queue is not there.
 */
export async function runWorker<Input, Result>(options: RunWorkerOptions<Input, Result>): Promise<Worker> {
  const { config, type, now = Date.now, readyWithinMs = consumingWithinMs } = options;
  const name = `${config.name}#${randomUUID().slice(0, 8)}`;
  const log = options.log.child({ worker: name, type: type.name });

  const ground = await openServiceGround({ config, name, log, now });
  const { dispatcher, events, ledger, publisher } = ground;
  const stop = new AbortController();
  const runs = new Runs();
  /** Aborted when nobody waits for the ledger any more: later than `stop`, whose runs have their claims to give back. */
  const waitingEnds = new AbortController();
  let draining = false;
  const inHand = createInHand({ stop: stop.signal, log });
  const parts: WorkParts<Input, Result> = {
    type,
    handler: options.handler,
    worker: name,
    ledger,
    patience: createLedgerPatience({
      ledger,
      consumers: () => [consumer],
      signal: waitingEnds.signal,
      draining: () => draining,
      log,
    }),
    dispatcher,
    publisher,
    events,
    turns: createTurns(),
    draining: () => draining,
    runs,
    now,
    log,
  };
  const slots = createSlots({ count: config.concurrency, weightOf, maxWaitMs: maxSlotWaitMs });
  const consumer = consumeRole(ground.consuming, {
    queues: () => ground.queuesOf(workQueue(type.name)),
    share: (loads) =>
      sharePrefetch(
        config.concurrency,
        loads.map(({ queue, isBusy }) => ({ weight: weightOf(queue), isBusy })),
      ),
    log,
    onDelivery: (delivery) =>
      inHand.keep(delivery, () =>
        slots.take(delivery, async (waited) => {
          // Somebody else may have a place for it; kept for longer, it could outlast the broker's patience.
          if (waited) delivery.requeue();
          else await work(delivery, parts);
        }),
      ),
  });
  const worker = { name, stop: stopOnce(), stopWithinMs: stopWithinMs(config) };
  try {
    await consumer.untilConsuming(readyWithinMs);
    return worker;
  } catch (error) {
    await worker.stop();
    throw error;
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
    slots.open();
    await inHand.emptyWithin(config.drainMs);
    stop.abort();
    runs.stop({ kind: 'interrupted', why: 'the worker stops' });
    await inHand.emptyWithin(abortGraceMs + 1_000);
    waitingEnds.abort();
    await consumer.cancel();
    await ground.close();
    log.info('stopped');
  }
}
