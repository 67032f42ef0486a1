import { randomUUID } from 'node:crypto';
import { connectBroker, createDispatcher, createPublisher, delayBy } from '@warren/broker';
import { createIntake } from '@warren/intake';
import { openLedger } from '@warren/ledger';
import { pino } from 'pino';
import { z } from 'zod';
import { probe } from './probe.js';

/** Submits one task of type `probe` and prints the answer's kind: a submitter that a test can kill. */
const environment = z.object({
  AMQP_URL: z.string(),
  LEDGER_URL: z.string(),
  /** JSON. */
  PROBE_INPUT: z.string(),
  PROBE_KEY: z.string(),
});

const config = environment.parse(process.env);
const log = pino({ level: 'debug' });
const ledger = await openLedger(config.LEDGER_URL);
const connection = await connectBroker({ urls: config.AMQP_URL, name: 'probe-submitter', log });
const publisher = createPublisher(connection);
const dispatcher = createDispatcher({
  ledger,
  publisher,
  delay: delayBy('ladder'),
  now: Date.now,
  newCopy: randomUUID,
});
const intake = createIntake({ ledger, dispatcher, types: [probe] });
log.info('ready');
const answer = await intake.submit({
  type: probe.name,
  input: JSON.parse(config.PROBE_INPUT),
  options: { idempotencyKey: config.PROBE_KEY },
});
log.info({ kind: answer.kind }, 'submitted');
await publisher.close();
await connection.close();
await ledger.close();
