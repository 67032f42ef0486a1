import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerUnreachableError, BrokerUrlError } from '@warren/broker';
import {
  type Ledger,
  LedgerMissing,
  LedgerUnavailable,
  LedgerUrlError,
  type OpenLedgerOptions,
  openLedger,
} from '@warren/ledger';
import type { AddressOrigin, LedgerInUseAddress } from './addresses.js';
import { withoutPassword } from './without-password.js';

/** A command that finds no broker or no ledger says so within this time, in milliseconds. */
export const answersWithinMs = 8_000;

/** Nobody answers at an address that a command needs, or it can't be used. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
  readonly code: 'network' | 'failed' | 'not-found';
  readonly exitCode = 1;
  readonly next: string;

  constructor(message: string, details: Pick<AddressError, 'code' | 'next'> & { readonly cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.next = details.next;
  }
}

/** Bad usage: what `AMQP_URL` or `LEDGER_URL` holds is no address. */
export class AddressUnreadableError extends Error {
  override readonly name = 'AddressUnreadableError';
  readonly code = 'usage';
  readonly exitCode = 2;
  readonly field: 'AMQP_URL' | 'LEDGER_URL';
  readonly next: string | undefined;

  constructor(
    field: 'AMQP_URL' | 'LEDGER_URL',
    { message, next }: { readonly message: string; readonly next?: string },
  ) {
    super(`${field}: ${message}`);
    this.field = field;
    this.next = next;
  }
}

/** Asked when nobody has answered: what to do then. */
type Advice = () => string;

/** What to throw instead of an error that came from the broker: with what to do next, where nobody answered. */
export function brokerErrorForPeople(error: unknown, advice: Advice): unknown {
  if (error instanceof BrokerUrlError) return new AddressUnreadableError('AMQP_URL', { message: error.message });
  if (!(error instanceof BrokerUnreachableError)) return error;
  return new AddressError(error.message, { code: 'network', next: advice(), cause: error });
}

/**
 * Opens the ledger for one command. Throws within {@link answersWithinMs}, naming where the ledger was looked for, without
 * its password. A command that has nothing to do where there is none says so in `options`.
 */
export async function openLedgerForPeople(
  { from, ledgerUrl }: LedgerInUseAddress,
  advice: Advice,
  options?: OpenLedgerOptions,
): Promise<Ledger> {
  const name = `the ledger ${withoutPassword(ledgerUrl)}`;
  try {
    return await answered(openLedger(ledgerUrl, options), { name, advice });
  } catch (error) {
    throw ledgerErrorForPeople(error, { from, ledgerUrl }, advice);
  }
}

/** What to throw instead of an error that opening the ledger ended with. */
export function ledgerErrorForPeople(error: unknown, { from, ledgerUrl }: LedgerInUseAddress, advice: Advice): Error {
  if (error instanceof AddressError) return error;
  if (error instanceof LedgerUrlError) return new AddressUnreadableError('LEDGER_URL', error);
  if (error instanceof LedgerMissing) return new AddressError(error.message, { code: 'not-found', next: toMake(from) });
  const next = advice();
  if (error instanceof LedgerUnavailable) return new AddressError(error.message, { code: 'network', next });
  const reason = error instanceof Error ? error.message : String(error);
  const what = `the ledger ${withoutPassword(ledgerUrl)} can't be used: ${reason}`;
  return new AddressError(what, { code: 'failed', next, cause: error });
}

function toMake(from: AddressOrigin): string {
  return from === 'local stack'
    ? '"warren down", then "warren up --detach" starts the stack with a new one'
    : `check ${from}; "warren up --detach" with it set, or the first submission, makes one`;
}

/** What `work` gives, or an AddressError after {@link answersWithinMs}. `work` goes on then. */
export async function answered<Result>(
  work: Promise<Result>,
  who: { readonly name: string; readonly advice: Advice },
): Promise<Result> {
  const timer = new AbortController();
  const late = sleep(answersWithinMs, undefined, { signal: timer.signal }).then(() => {
    throw new AddressError(`${who.name} did not answer within ${answersWithinMs} ms`, {
      code: 'network',
      next: who.advice(),
    });
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

/** How long a ledger may take to close, in milliseconds: one that is silent can't be waited for. */
const closeWithinMs = 2_000;

/** Lets go of a ledger at the end of a command. Rejects where closing fails, and resolves where it takes too long. */
export async function closeWithin(ledger: Pick<Ledger, 'close'>): Promise<void> {
  const timer = new AbortController();
  const late = sleep(closeWithinMs, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([ledger.close(), late]).finally(() => timer.abort());
}
