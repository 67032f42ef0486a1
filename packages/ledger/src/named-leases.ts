import type { Transaction } from 'kysely';
import type { LedgerDatabase } from './database.js';
import type { Tables } from './schema.js';
import { inTransaction } from './transactions.js';

/** A role that one process at a time may have, such as the sweeper's. */
export interface NamedLeases {
  /**
   * Takes or renews the lease until `now + leaseMs`. False while another owner's lease counts: until it ends, or until it
   * was seen here for `leaseMs` without being renewed.
   */
  acquire(name: string, owner: string, now: number, leaseMs: number): Promise<boolean>;
  /** Gives it up at once, so that the next one need not wait for its end. */
  release(name: string, owner: string): Promise<void>;
}

type LeaseRow = Tables['named_leases'];

/** A lease of somebody else's, and since when it has been seen as it is, by the clock of whoever asks here. */
interface Seen {
  readonly lease: LeaseRow;
  readonly since: number;
}

/**
 * The end of a lease is told by its owner's clock, and means nothing to one that is far from it: the lease of a dead process
 * that was an hour ahead would hold everybody up for that hour. So whoever is refused also watches, by a clock of its own:
 * an owner that lives renews, which changes the row, and one that changes nothing for a whole `leaseMs` is taken for dead
 * whatever end it wrote. A living owner keeps its role however far ahead its clock is. One that was only held up may find
 * another in its role, as after a lease that ended; two at a time do no harm, because all they do is compare-and-set.
 */
export function createNamedLeases(database: LedgerDatabase): NamedLeases {
  const seen = new Map<string, Seen>();
  return {
    async acquire(name, owner, now, leaseMs) {
      const known = seen.get(name);
      const dead = known !== undefined && now - known.since >= leaseMs ? known.lease : undefined;
      const counts = await inTransaction(database, async (transaction) => {
        if (await take(transaction, { name, owner, until: now + leaseMs }, now, dead)) return undefined;
        return await transaction
          .selectFrom('named_leases')
          .selectAll()
          .where('name', '=', name)
          .executeTakeFirstOrThrow();
      });
      if (counts === undefined) seen.delete(name);
      else if (!isSame(counts, known?.lease)) seen.set(name, { lease: counts, since: now });
      return counts === undefined;
    },
    release: async (name, owner) => {
      await inTransaction(database, (transaction) =>
        transaction.deleteFrom('named_leases').where('name', '=', name).where('owner', '=', owner).execute(),
      );
    },
  };
}

/** False, and nothing is written, where another one's counts: it has not ended, and is not the one that is taken for dead. */
async function take(
  transaction: Transaction<Tables>,
  { name, owner, until }: LeaseRow,
  now: number,
  dead: LeaseRow | undefined,
): Promise<boolean> {
  const row = await transaction
    .insertInto('named_leases')
    .values({ name, owner, until })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet({ owner, until })
        .where((where) =>
          where.or([
            where('named_leases.owner', '=', owner),
            where('named_leases.until', '<=', now),
            ...(dead === undefined
              ? []
              : [
                  where.and([
                    where('named_leases.owner', '=', dead.owner),
                    where('named_leases.until', '=', dead.until),
                  ]),
                ]),
          ]),
        ),
    )
    .returning('owner')
    .executeTakeFirst();
  return row !== undefined;
}

function isSame(lease: LeaseRow, other: LeaseRow | undefined): boolean {
  return lease.owner === other?.owner && lease.until === other.until;
}
