import { randomUUID } from 'node:crypto';
import {
  connectBroker,
  createDispatcher,
  createEventPublisher,
  createPublisher,
  delayBy,
  readyCounts,
} from '@warren/broker';
import { runService, type Service } from '@warren/cli';
import { consumeLetters, createSweeper, defaultRules, defaultSweeperSettings } from '@warren/dead-letters';
import { openLedger } from '@warren/ledger';
import { pino } from 'pino';
import { z } from 'zod';
import { probe } from './probe.js';

/** Decides letters of type `probe`, or sweeps, or both, as a process of its own that a test can kill. */
const environment = z.object({
  AMQP_URL: z.string(),
  LEDGER_URL: z.string(),
  PROBE_NAME: z.string().default('probe-processor'),
  /** Whether it decides letters. */
  PROBE_LETTERS: z.stringbool().default(true),
  /** JSON: what differs from the sweeper's defaults. Without it nothing is swept. */
  PROBE_SWEEPER: z.string().optional(),
});

const config = environment.parse(process.env);
const log = pino({ level: 'debug' });

await runService({ name: 'probe-processor', log, start });

async function start(): Promise<Service> {
  const { AMQP_URL: amqpUrl, PROBE_NAME: name } = config;
  const ledger = await openLedger(config.LEDGER_URL);
  const connection = await connectBroker({ urls: amqpUrl, name, log });
  const publisher = createPublisher(connection);
  const events = createEventPublisher(connection, { log });
  const delay = delayBy('ladder');
  const dispatcher = createDispatcher({ ledger, publisher, delay, now: Date.now, newCopy: randomUUID });
  const common = { ledger, dispatcher, publisher, events, types: [probe], now: Date.now, log };
  const letters = config.PROBE_LETTERS
    ? consumeLetters({
        ...common,
        connection,
        queuesOf: async (role: string) => [role],
        rules: defaultRules,
        random: Math.random,
        prefetch: 20,
      })
    : undefined;
  await letters?.ready;
  const sweeping = new AbortController();
  const swept = sweep();
  return { stop };

  async function sweep(): Promise<void> {
    if (config.PROBE_SWEEPER === undefined) return;
    const settings = {
      ...defaultSweeperSettings,
      ...z.record(z.string(), z.number()).parse(JSON.parse(config.PROBE_SWEEPER)),
    };
    const sweeper = createSweeper({
      ...common,
      owner: name,
      settings,
      queuesOf: async (role: string) => [role],
      readyCounts: (queues) => readyCounts(amqpUrl, queues),
    });
    await sweeper.run(sweeping.signal);
  }

  async function stop(): Promise<void> {
    sweeping.abort();
    await Promise.all([letters?.stop(), swept]);
    await events.close();
    await publisher.close();
    await connection.close();
    await ledger.close();
  }
}
