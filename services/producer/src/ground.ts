import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BrokerConnection,
  BrokerUnreachableError,
  BrokerUrlError,
  connectBroker,
  createDispatcher,
  createPublisher,
  discoverDelay,
} from '@warren/broker';
import { CommandError, UsageError, withoutPasswords } from '@warren/cli';
import { createIntake, type Intake } from '@warren/intake';
import { type Ledger, LedgerUnavailable, openLedger, type Task } from '@warren/ledger';
import { adviceWhenSilent } from '@warren/local';
import { type Logger, pino } from 'pino';
import type { BothSettings, LedgerSettings } from './cli-settings.js';

/** A command that finds no broker or no ledger says so within this time, in milliseconds. */
export const groundWithinMs = 8_000;
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
  /** Told of each task that is on record while its publish failed. */
  readonly onPublishFailed: (task: Task, error: unknown) => void;
}

/** A command speaks to its person itself; the rooms below log nothing. */
export const silentLog: Logger = pino({ level: 'silent' });

/**
 * Connects to both, broker and ledger, before anything is recorded: a task that can't be published is not taken.
 * Throws within {@link groundWithinMs}, naming the address that refused.
 */
export async function openGround({ broker, ledger: at }: BothSettings, options: GroundOptions): Promise<Ground> {
  const startedAt = performance.now();
  const ledgerOpening = openLedgerForPeople(at);
  // The broker's refusal may come first.
  ledgerOpening.catch(() => undefined);
  try {
    const { delay } = await within(groundWithinMs, discoverDelay({ amqpUrl: broker.amqpUrl, wanted: broker.delay }), {
      name: `the broker ${withoutPasswords(broker.amqpUrl)}`,
      next: adviceWhenSilent(broker.from),
    });
    const ledger = await ledgerOpening;
    const connection = await connectBroker({
      urls: broker.amqpUrl,
      name: `warren-cli#${process.pid}`,
      log: silentLog,
      connectTimeoutMs: Math.max(500, groundWithinMs - (performance.now() - startedAt)),
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
        await ledger.close();
      },
    };
  } catch (error) {
    ledgerOpening.then((ledger) => ledger.close()).catch(() => undefined);
    throw brokerErrorForPeople(error, adviceWhenSilent(broker.from));
  }
}

function brokerErrorForPeople(error: unknown, next: string): unknown {
  if (error instanceof BrokerUrlError) return new UsageError(`AMQP_URL: ${error.message}`, { field: 'AMQP_URL' });
  if (!(error instanceof BrokerUnreachableError)) return error;
  return new CommandError(error.message, { code: 'network', next, cause: error });
}

/** Opens the ledger for one command. What it throws names where the ledger was looked for. */
export async function openLedgerForPeople({ ledgerUrl, from }: LedgerSettings): Promise<Ledger> {
  const label = withoutPasswords(ledgerUrl);
  const next = adviceWhenSilent(from);
  try {
    return await within(groundWithinMs, openLedger(ledgerUrl), { name: `the ledger ${label}`, next });
  } catch (error) {
    if (error instanceof LedgerUnavailable) {
      throw new CommandError(error.message, { code: 'network', next });
    }
    if (error instanceof CommandError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`the ledger ${label} can't be used: ${reason}`, { next, cause: error });
  }
}

async function within<Result>(
  ms: number,
  work: Promise<Result>,
  what: { readonly name: string; readonly next: string },
): Promise<Result> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new CommandError(`${what.name} did not answer within ${ms} ms`, { code: 'network', next: what.next });
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}
