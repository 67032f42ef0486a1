import { randomUUID } from 'node:crypto';
import { connectBroker, createDispatcher, createPublisher, delayBy, type Publication } from '@warren/broker';
import type { CommandContext } from '@warren/cli';
import { createOperations, type Operations } from '@warren/dead-letters';
import type { Ledger } from '@warren/ledger';
import {
  type AddressesInUse,
  AddressMissingError,
  type AddressOrigin,
  addressesInUse,
  adviceWhenSilent,
  brokerErrorForPeople,
  closeWithin,
  openLedgerForPeople,
  passedByNote,
  type StackAddresses,
  type StackTrouble,
} from '@warren/local';
import type { TaskType } from '@warren/tasks';
import { pino } from 'pino';

/** How long a command tries to reach the broker, and waits for one confirm, in milliseconds. */
const brokerWithinMs = 5_000;

/** What the commands need of the world around them, which tests replace. */
export interface LettersWorld {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stderr: NodeJS.WritableStream;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly findStack: () => StackAddresses | undefined;
  /** Why nobody answers at that stack's addresses, as far as is known. */
  readonly stackSilence: () => StackTrouble | undefined;
  /** The task types there are: whose results a person may give, and what a filter may name. */
  readonly types: readonly TaskType[];
  /** Aborted by the first Ctrl-C from the call on; the second one ends the process as always. */
  readonly interruption: () => AbortSignal;
}

export interface LettersContext extends CommandContext {
  readonly world: LettersWorld;
}

/**
 * Runs `work` on the ledger alone, and lets go of it. Throws within 8 s where the ledger does not answer, naming it. What
 * is published, a reply, looks for the broker only then.
 * @param by who acts; a command that only looks has nobody.
 */
export async function withLetters<Result>(
  context: LettersContext,
  work: (operations: Operations) => Promise<Result>,
  by = '',
): Promise<Result> {
  const { now, types } = context.world;
  let connecting: ReturnType<typeof connect> | undefined;
  const publish = async (publication: Publication) => {
    connecting ??= connect(context);
    await (await connecting).publisher.publish(publication);
  };
  const dispatch = async () => {
    throw new Error('this command dispatches nothing: this is a defect');
  };
  try {
    return await withLedger(context, (ledger) =>
      work(createOperations({ ledger, dispatcher: { dispatch }, publisher: { publish }, now, by, types })),
    );
  } finally {
    await connecting?.then(({ close }) => close()).catch(() => undefined);
  }
}

/** Runs `work` on ledger and broker. Throws within 13 s where one does not answer, naming it. */
export async function withLettersAndBroker<Result>(
  context: LettersContext,
  work: (operations: Operations) => Promise<Result>,
  by: string,
): Promise<Result> {
  const { now, types } = context.world;
  const { close, publisher } = await connect(context);
  try {
    return await withLedger(context, (ledger) => {
      // A replay is published at once, so it is all the same which delay the broker has.
      const delay = delayBy('ladder');
      const dispatcher = createDispatcher({ ledger, publisher, delay, now, newCopy: randomUUID });
      return work(createOperations({ ledger, dispatcher, publisher, now, by, types }));
    });
  } finally {
    await close();
  }
}

async function connect(context: LettersContext) {
  const { broker } = addressesOf(context);
  if (broker === undefined) throw new AddressMissingError('AMQP_URL', context.env);
  const connection = await connectBroker({
    urls: broker.amqpUrl,
    name: `warren-cli#${process.pid}`,
    log: pino({ level: 'silent' }),
    connectTimeoutMs: brokerWithinMs,
  }).catch((error: unknown) => {
    throw brokerErrorForPeople(error, () => adviceFor(broker, context));
  });
  const publisher = createPublisher(connection, { timeoutMs: brokerWithinMs });
  return {
    publisher,
    async close() {
      await publisher.close();
      await connection.close();
    },
  };
}

async function withLedger<Result>(context: LettersContext, work: (ledger: Ledger) => Promise<Result>): Promise<Result> {
  const { ledger: at, passesStackBy } = addressesOf(context);
  if (at === undefined) throw new AddressMissingError('LEDGER_URL', context.env);
  if (passesStackBy && !context.output.json) context.output.note(passedByNote);
  const ledger = await openLedgerForPeople(at, () => adviceFor(at, context), { create: false });
  try {
    return await work(ledger);
  } finally {
    await closeWithin(ledger);
  }
}

function adviceFor({ from }: { readonly from: AddressOrigin }, { world }: LettersContext): string {
  return adviceWhenSilent(from, world.stackSilence() ?? null);
}

function addressesOf({ env, world }: LettersContext): AddressesInUse {
  return addressesInUse(env, world.findStack());
}
