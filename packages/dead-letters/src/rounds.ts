import { setTimeout as sleep } from 'node:timers/promises';
import { type Ledger, LedgerUnavailable } from '@warren/ledger';
import type { Logger } from 'pino';

/** Work that one process at a time does, again and again. */
export interface NamedRole {
  /** Of the lease that says who has the role. */
  readonly name: string;
  /** Names this process. Two with one name would both have it. */
  readonly owner: string;
  readonly ledger: Pick<Ledger, 'leases' | 'untilAvailable'>;
  /** Between two rounds, in milliseconds. */
  readonly intervalMs: number;
  /** True when there is more to do than one round does: the next one begins at once. */
  readonly round: (signal: AbortSignal) => Promise<boolean>;
  /** What is logged of a round that failed. */
  readonly brokeOff: string;
  readonly log: Logger;
}

/** Rounds until the signal aborts; then the lease is given up. Never rejects. */
export async function runRounds(role: NamedRole, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const more = await roundOf(role, signal);
    if (!more) await sleep(role.intervalMs, undefined, { signal }).catch(() => undefined);
  }
  await role.ledger.leases.release(role.name, role.owner).catch(() => undefined);
}

async function roundOf({ brokeOff, ledger, log, round }: NamedRole, signal: AbortSignal): Promise<boolean> {
  try {
    return await round(signal);
  } catch (error) {
    log.warn({ err: error }, brokeOff);
    if (error instanceof LedgerUnavailable) await ledger.untilAvailable(signal).catch(() => undefined);
    return false;
  }
}
