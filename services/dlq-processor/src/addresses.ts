import { UsageError } from '@warren/cli';
import { localFolder, readStack, statusOf } from '@warren/local';

/** Where a command finds the broker and the ledger that belong together. */
export interface Addresses {
  readonly amqpUrl: string;
  readonly ledgerUrl: string;
}

/** The running local stack's, if there is one. */
export function findLocalStack(): Addresses | undefined {
  const { state, broker, ledger } = statusOf(readStack(localFolder()));
  if (state === 'down' || state === 'lost' || broker === null || ledger === null) return undefined;
  return { amqpUrl: broker.amqpUrl, ledgerUrl: ledger.url };
}

/**
 * `AMQP_URL` and `LEDGER_URL`, or the local stack's where neither is set. Never one of each: a replay would be recorded in
 * one ledger and published to the broker of another.
 */
export function addressOf(
  what: keyof Addresses,
  env: Readonly<Record<string, string | undefined>>,
  findStack: () => Addresses | undefined,
): string {
  const given = { amqpUrl: env.AMQP_URL || undefined, ledgerUrl: env.LEDGER_URL || undefined };
  const found = given.amqpUrl || given.ledgerUrl ? given[what] : findStack()?.[what];
  if (found !== undefined) return found;
  const variable = what === 'amqpUrl' ? 'AMQP_URL' : 'LEDGER_URL';
  throw new UsageError(`${variable} is not set, and no local stack is used for it`, {
    field: variable,
    next: 'run "warren up --detach" with neither set, or set both AMQP_URL and LEDGER_URL',
  });
}
