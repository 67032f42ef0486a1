import type { ByteSource, CommandContext } from '@warren/cli';
import type { Ledger, Task } from '@warren/ledger';
import { findLocalStack, type StackAddresses } from '@warren/local';
import {
  type BrokerSettings,
  bothSettings,
  brokerSettings,
  type LedgerSettings,
  ledgerSettings,
} from './cli-settings.js';
import { noSuchTask } from './follow.js';
import { openLedgerForPeople } from './ground.js';

/** The world around a command, which tests replace. */
export interface TaskWorld {
  readonly cwd: string;
  readonly stdin: ByteSource;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly findStack: () => StackAddresses | undefined;
  /** Aborted by the first Ctrl-C from the call on; the second one ends the process as always. */
  readonly interruption: () => AbortSignal;
  readonly pollMs: number;
}

export interface TaskContext extends CommandContext {
  readonly world: TaskWorld;
}

export function processWorld(): TaskWorld {
  return {
    cwd: process.cwd(),
    stdin: process.stdin,
    now: Date.now,
    findStack: () => findLocalStack(),
    interruption() {
      const interrupted = new AbortController();
      process.once('SIGINT', () => interrupted.abort());
      return interrupted.signal;
    },
    pollMs: 1_000,
  };
}

export function settingsOfBoth({ env, world }: TaskContext): LedgerSettings & BrokerSettings {
  return bothSettings(env, world.findStack);
}

export function settingsOfBroker({ env, world }: TaskContext): BrokerSettings | undefined {
  return brokerSettings(env, world.findStack);
}

/** Runs `work` with the ledger and lets go of it. */
export async function withLedger<Result>(
  { env, world }: TaskContext,
  work: (ledger: Ledger) => Promise<Result>,
): Promise<Result> {
  const ledger = await openLedgerForPeople(ledgerSettings(env, world.findStack).ledgerUrl);
  try {
    return await work(ledger);
  } finally {
    await ledger.close();
  }
}

export async function taskOrThrow(ledger: Pick<Ledger, 'queries'>, id: string): Promise<Task> {
  const task = await ledger.queries.task(id);
  if (task === undefined) throw noSuchTask(id);
  return task;
}
