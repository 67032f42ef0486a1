import type { ByteSource, CommandContext } from '@warren/cli';
import type { Ledger, Task } from '@warren/ledger';
import { addressesInUse, findLocalStack, passedByNote, type StackAddresses } from '@warren/local';
import {
  type BothSettings,
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

export function settingsOfBoth(context: TaskContext): BothSettings {
  const stack = stackOf(context);
  return bothSettings(context.env, stack);
}

export function settingsOfBroker({ env, world }: TaskContext): BrokerSettings | undefined {
  return brokerSettings(env, world.findStack());
}

function settingsOfLedger(context: TaskContext): LedgerSettings {
  const stack = stackOf(context);
  return ledgerSettings(context.env, stack);
}

/** A person who sees a stack run may wonder why its tasks are not shown. */
function stackOf({ env, output, world }: TaskContext): StackAddresses | undefined {
  const stack = world.findStack();
  if (!output.json && addressesInUse(env, stack).passesStackBy) output.note(passedByNote);
  return stack;
}

/** Runs `work` with the ledger and lets go of it. */
export async function withLedger<Result>(
  context: TaskContext,
  work: (ledger: Ledger) => Promise<Result>,
): Promise<Result> {
  const ledger = await openLedgerForPeople(settingsOfLedger(context));
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
