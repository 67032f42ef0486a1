import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openServiceGround, readyCounts, stopWithinMs } from '@warren/broker';
import type { Service } from '@warren/cli';
import { consumeLetters, createRetention, createSweeper, defaultRules } from '@warren/dead-letters';
import { taskTypes } from '@warren/tasks';
import type { Logger } from 'pino';
import type { DlqProcessorConfig } from './config.js';

export interface DlqProcessorOptions {
  readonly config: DlqProcessorConfig;
  readonly log: Logger;
  readonly now?: () => number;
  /** How long the queues of letters may take to be consumed, in milliseconds. Default: that of `consumeLetters`. */
  readonly readyWithinMs?: number;
}

/**
 * Decides dead letters, sweeps and prunes until it is stopped. Resolves when it consumes; rejects when the broker or the
 * ledger can't be reached, naming the address, and when the queues are not there. Any number may run: each letter goes to
 * one of them, one of them sweeps, and one prunes.
 */
export async function startDlqProcessor(options: DlqProcessorOptions): Promise<Service> {
  const { config, now = Date.now, readyWithinMs } = options;
  const name = `${config.name}#${randomUUID().slice(0, 8)}`;
  const log = options.log.child({ worker: name });
  const ground = await openServiceGround({ config, name, log, now });
  const { dispatcher, events, ledger, publisher } = ground;
  const common = { ledger, dispatcher, publisher, events, types: taskTypes, now, log };

  const sweeper = createSweeper({
    ...common,
    owner: name,
    settings: config.sweeper,
    queuesOf: ground.queuesOf,
    readyCounts: (queues) => readyCounts(config.amqpUrl, queues),
  });
  const retention = createRetention({ ledger, owner: name, settings: config.retention, now, log });
  const letters = consumeLetters({
    ...common,
    connection: ground.consuming,
    queuesOf: ground.queuesOf,
    rules: defaultRules,
    random: Math.random,
    prefetch: config.prefetch,
    ...(readyWithinMs === undefined ? {} : { readyWithinMs }),
  });
  const stopping = new AbortController();
  const tidied = Promise.all([sweeper.run(stopping.signal), retention.run(stopping.signal)]);
  try {
    await letters.ready;
    return { stop: shutDown, stopWithinMs: stopWithinMs(config) };
  } catch (error) {
    await shutDown();
    throw error;
  }

  /** In this order: what takes up work, then what it needs to settle, then the ground. */
  async function shutDown(): Promise<void> {
    log.info({ drainMs: config.drainMs }, 'draining');
    stopping.abort();
    // What a round leaves undone, the next one finds, whoever sweeps then.
    const late = sleep(config.drainMs, undefined, { ref: false });
    await Promise.all([letters.stop(config.drainMs), Promise.race([tidied, late])]);
    await ground.close();
    log.info('stopped');
  }
}
