import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerDatabase } from './database.js';
import { LedgerUnavailable } from './failures.js';
import { inTransaction } from './transactions.js';

/** How often a ledger that is gone is asked again, in milliseconds. */
const pollMs = 250;

/**
 * Settles once the database takes a write: a standby or a full disk can be read and helps nobody. A small write may pass
 * where a large one does not, so the first look comes after a wait, too: whoever then fails again at once does so a few
 * times a second at most.
 */
export async function untilAvailable(database: LedgerDatabase, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(pollMs, undefined, { signal });
    try {
      await unlessAborted(() => proveWrite(database), signal);
      return;
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error;
    }
  }
}

/** Committed, because a database may hold a write in memory until then; under a name of its own, to wait for nobody. */
async function proveWrite(database: LedgerDatabase): Promise<void> {
  const name = `proof that it can be written ${randomUUID()}`;
  await inTransaction(database, async (transaction) => {
    await transaction.insertInto('named_leases').values({ name, owner: '', until: 0 }).execute();
    await transaction.deleteFrom('named_leases').where('name', '=', name).execute();
  });
}

/** A database that is silent is given up after half a minute; whoever stops does not wait for that. */
async function unlessAborted(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const done = new AbortController();
  const aborted = once(signal, 'abort', { signal: done.signal }).then(() => signal.throwIfAborted());
  aborted.catch(() => undefined);
  try {
    await Promise.race([work(), aborted]);
  } finally {
    done.abort();
  }
}
