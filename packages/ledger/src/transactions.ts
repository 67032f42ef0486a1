import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely, Transaction } from 'kysely';
import type { LedgerDatabase } from './database.js';
import { LedgerUnavailable, troubleOf } from './failures.js';
import type { Tables } from './schema.js';

/** How long contention is waited out before the ledger counts as unavailable, in milliseconds. */
const contentionLimitMs = 15_000;

/**
 * Runs work in one transaction, again when another transaction was in the way, and resolves when it survives a power cut,
 * with all that it read. `forgettable`: whether a power cut may take this result back; default never.
 * Throws {@link LedgerUnavailable} when the database does not answer; anything else is an error of the work itself.
 */
export async function inTransaction<Result>(
  database: LedgerDatabase,
  work: (transaction: Transaction<Tables>) => Promise<Result>,
  forgettable: (result: Result) => boolean = () => false,
): Promise<Result> {
  const result = await persistently(database, (db) => db.transaction().execute(work));
  if (forgettable(result)) database.onDisk.syncSoon();
  else await onDisk(database);
  return result;
}

/** Resolves when every commit so far survives a power cut. When it throws, the commit stands and its answer is lost. */
export async function onDisk(database: LedgerDatabase): Promise<void> {
  try {
    await database.onDisk.sync();
  } catch (error) {
    throw new LedgerUnavailable(database.label, error);
  }
}

/** The same manners for a single reading statement; a writing one waits for its lock in a transaction. */
export async function persistently<Result>(
  database: LedgerDatabase,
  work: (db: Kysely<Tables>) => Promise<Result>,
): Promise<Result> {
  const startedAt = performance.now();
  for (let round = 0; ; round++) {
    try {
      return await work(database.db);
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble === 'other') throw error;
      if (trouble === 'unavailable' || performance.now() - startedAt > contentionLimitMs) {
        throw new LedgerUnavailable(database.label, error);
      }
      await sleep(Math.random() * contentionPauseMs(round));
    }
  }
}

/** Most locks are held for a few milliseconds, so the first rounds come soon. */
function contentionPauseMs(round: number): number {
  return Math.min(100, 2 ** (round / 4));
}
