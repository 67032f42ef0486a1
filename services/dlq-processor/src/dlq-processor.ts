import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connectBroker,
  createDispatcher,
  createEventPublisher,
  createPublisher,
  discoverDelay,
  readyCounts,
} from '@warren/broker';
import type { Service } from '@warren/cli';
import { consumeLetters, createSweeper, defaultRules } from '@warren/dead-letters';
import { openLedger } from '@warren/ledger';
import { taskTypes } from '@warren/tasks';
import { queueNames } from '@warren/topology';
import type { Logger } from 'pino';
import type { DlqProcessorConfig } from './config.js';

export interface DlqProcessorOptions {
  readonly config: DlqProcessorConfig;
  readonly log: Logger;
  readonly now?: () => number;
}

/** How long the queues may take to be there after the start, in milliseconds. */
const readyWithinMs = 15_000;

/**
 * Decides dead letters and sweeps until it is stopped. Resolves when it consumes; rejects when the broker or the ledger
 * can't be reached, naming the address. Any number may run: each letter goes to one of them, and one of them sweeps.
 */
export async function startDlqProcessor({ config, log, now = Date.now }: DlqProcessorOptions): Promise<Service> {
  const name = `${config.name}#${randomUUID().slice(0, 8)}`;
  const { delay, brokerVersion, reason } = await discoverDelay({ amqpUrl: config.amqpUrl, wanted: config.delay });
  const ledger = await openLedger(config.ledgerUrl);
  log.info({ name, delay: delay.mechanism, reason, brokerVersion, ledger: ledger.label }, 'found out what there is');
  const connection = await connectBroker({ urls: config.amqpUrl, name, log });
  const publisher = createPublisher(connection);
  const events = createEventPublisher(connection, { log });
  const dispatcher = createDispatcher({ ledger, publisher, delay, now, newCopy: randomUUID });
  const common = { ledger, dispatcher, types: taskTypes, now, log };

  const sweeper = createSweeper({
    ...common,
    owner: name,
    settings: config.sweeper,
    readyCounts: (queues) => readyCounts(config.amqpUrl, queues),
  });
  const letters = consumeLetters({
    ...common,
    connection,
    publisher,
    events,
    rules: defaultRules,
    random: Math.random,
    prefetch: config.prefetch,
  });
  const sweeping = new AbortController();
  const swept = sweeper.run(sweeping.signal);
  if (await isReadyInTime(letters.ready)) return { stop };
  await stop();
  throw new Error(
    `queues "${queueNames.deadLetters}" and "${queueNames.unroutable}" could not be consumed within ${readyWithinMs} ms: run "warren topology apply", then start again`,
  );

  /** In this order: what takes up work, then what it needs to finish, then the ground. */
  async function stop(): Promise<void> {
    sweeping.abort();
    const drained = new AbortController();
    const late = sleep(config.drainMs, undefined, { signal: drained.signal }).catch(() => undefined);
    await Promise.race([Promise.all([letters.stop(), swept]), late]);
    drained.abort();
    await events.close();
    await publisher.close();
    await connection.close();
    await ledger.close().catch((err: unknown) => log.warn({ err }, 'the ledger did not close cleanly'));
  }
}

async function isReadyInTime(ready: Promise<void>): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(readyWithinMs, false, { signal: timer.signal }).catch(() => false);
  const isReady = await Promise.race([ready.then(() => true), late]);
  timer.abort();
  return isReady;
}
