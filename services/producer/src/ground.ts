import { randomUUID } from 'node:crypto';
import { type BrokerConnection, connectBroker, createDispatcher, createPublisher, discoverDelay } from '@warren/broker';
import { CommandError, explain, withoutPasswords } from '@warren/cli';
import { createIntake, type Intake } from '@warren/intake';
import type { Ledger, Task } from '@warren/ledger';
import {
  type AddressOrigin,
  answered,
  answersWithinMs,
  brokerErrorForPeople,
  closeWithin,
  openLedgerForPeople,
} from '@warren/local';
import { type Logger, pino } from 'pino';
import type { BothSettings } from './cli-settings.js';

/** How long one publish may wait for its confirm; the task is on record by then. In milliseconds. */
const publishTimeoutMs = 5_000;

/** What a submitting command stands on. */
export interface Ground {
  readonly ledger: Ledger;
  readonly connection: BrokerConnection;
  readonly intake: Intake;
  close(): Promise<void>;
}

export interface GroundOptions {
  readonly now: () => number;
  /** What to do where nobody answers at an address from there. */
  readonly adviceWhenSilent: (from: AddressOrigin) => string;
  /** Told of each task that is on record while its publish failed. */
  readonly onPublishFailed: (task: Task, error: unknown) => void;
}

/** A command speaks to its person itself; the rooms below log nothing. */
export const silentLog: Logger = pino({ level: 'silent' });

/**
 * Connects to both, broker and ledger, before anything is recorded: a task that can't be published is not taken.
 * Throws within {@link answersWithinMs}, naming the address that refused, and saying that nothing was recorded.
 */
export async function openGround({ broker, ledger: at }: BothSettings, options: GroundOptions): Promise<Ground> {
  const startedAt = performance.now();
  const advice = () => options.adviceWhenSilent(broker.from);
  const ledgerOpening = openLedgerForPeople(at, () => options.adviceWhenSilent(at.from));
  // The broker's refusal may come first.
  ledgerOpening.catch(() => undefined);
  try {
    const { delay } = await answered(discoverDelay({ amqpUrl: broker.amqpUrl, wanted: broker.delay }), {
      name: `the broker ${withoutPasswords(broker.amqpUrl)}`,
      advice,
    });
    const ledger = await ledgerOpening;
    const connection = await connectBroker({
      urls: broker.amqpUrl,
      name: `warren-cli#${process.pid}`,
      log: silentLog,
      connectTimeoutMs: Math.max(500, answersWithinMs - (performance.now() - startedAt)),
    });
    const publisher = createPublisher(connection, { timeoutMs: publishTimeoutMs });
    const dispatcher = createDispatcher({ ledger, publisher, delay, now: options.now, newCopy: randomUUID });
    return {
      ledger,
      connection,
      intake: createIntake({ ledger, dispatcher, now: options.now, onPublishFailed: options.onPublishFailed }),
      async close() {
        await publisher.close();
        await connection.close();
        await closeWithin(ledger);
      },
    };
  } catch (error) {
    ledgerOpening.then((ledger) => ledger.close()).catch(() => undefined);
    throw nothingRecorded(brokerErrorForPeople(error, advice));
  }
}

/** Somebody may wonder whether the task is safe in the ledger while the broker is away. */
function nothingRecorded(error: unknown): unknown {
  const { code, message, next } = explain(error);
  if (code !== 'network') return error;
  const details = { code, cause: error, ...(next === undefined ? {} : { next }) };
  return new CommandError(`${message}; nothing was recorded`, details);
}
