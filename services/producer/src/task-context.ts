import type { ByteSource, CommandContext } from '@warren/cli';
import type { Ledger, Task } from '@warren/ledger';
import {
  type AddressOrigin,
  addressesInUse,
  adviceWhenSilent,
  closeWithin,
  findLocalStack,
  localStackSilence,
  openLedgerForPeople,
  passedByNote,
  type StackAddresses,
  type StackTrouble,
} from '@warren/local';
import { defaultPatience, type Patience } from './absences.js';
import { absenceOf, noSuchTask } from './absent-task.js';
import {
  type BothSettings,
  type BrokerSettings,
  bothSettings,
  brokerSettings,
  type LedgerSettings,
  ledgerSettings,
} from './cli-settings.js';

/** The world around a command, which tests replace. */
export interface TaskWorld {
  readonly cwd: string;
  readonly stdin: ByteSource;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly findStack: () => StackAddresses | undefined;
  /** Why nobody answers at that stack's addresses, as far as is known. */
  readonly stackSilence: () => StackTrouble | undefined;
  /** Aborted by the first Ctrl-C from the call on; the second one ends the process as always. */
  readonly interruption: () => AbortSignal;
  readonly pollMs: number;
  readonly patience: Patience;
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
    stackSilence: () => localStackSilence(),
    interruption() {
      const interrupted = new AbortController();
      process.once('SIGINT', () => interrupted.abort());
      return interrupted.signal;
    },
    pollMs: 1_000,
    patience: defaultPatience,
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

/** What to do where nobody answers at an address from there, as it is known when it is asked. */
export function adviceOf({ world }: TaskContext): (from: AddressOrigin) => string {
  return (from) => adviceWhenSilent(from, world.stackSilence() ?? null);
}

/** The same for who follows tasks, wherever its broker and its ledger are. */
export function followAdvice(context: TaskContext): (of: 'broker' | 'ledger') => string {
  const inUse = addressesInUse(context.env, context.world.findStack());
  return (of) => adviceOf(context)(inUse[of]?.from ?? 'local stack');
}

/** Why the broker is away, where the local stack that it is of was ended meanwhile: nobody brings it back unasked. */
export function stackDown({
  env,
  world,
}: Pick<TaskContext, 'env'> & {
  readonly world: Pick<TaskWorld, 'findStack' | 'stackSilence'>;
}): () => string | undefined {
  const isOfStack = addressesInUse(env, world.findStack()).broker?.from === 'local stack';
  return () => {
    if (!isOfStack || world.findStack() !== undefined) return undefined;
    const trouble = world.stackSilence();
    return trouble === undefined
      ? 'the local stack is down: "warren up --detach" brings it up, and then this goes on'
      : `${trouble.what}: ${trouble.next}`;
  };
}

/** Runs `work` with the ledger, which has to be there, and lets go of it. */
export async function withLedger<Result>(
  context: TaskContext,
  work: (ledger: Ledger) => Promise<Result>,
): Promise<Result> {
  const settings = settingsOfLedger(context);
  const ledger = await openLedgerForPeople(settings, () => adviceOf(context)(settings.from), { create: false });
  try {
    return await work(ledger);
  } finally {
    await closeWithin(ledger);
  }
}

export async function taskOrThrow(ledger: Pick<Ledger, 'queries' | 'letters'>, id: string): Promise<Task> {
  const task = await ledger.queries.task(id);
  if (task === undefined) throw noSuchTask(id, await absenceOf(id, ledger));
  return task;
}
