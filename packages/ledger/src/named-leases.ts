import type { LedgerDatabase } from './database.js';
import { inTransaction } from './transactions.js';

/** A role that one process at a time may have, such as the sweeper's. */
export interface NamedLeases {
  /** Takes or renews the lease until `now + leaseMs`. False while another owner's lease counts. */
  acquire(name: string, owner: string, now: number, leaseMs: number): Promise<boolean>;
  /** Gives it up at once, so that the next one need not wait for its end. */
  release(name: string, owner: string): Promise<void>;
}

export function createNamedLeases(database: LedgerDatabase): NamedLeases {
  return {
    acquire: (name, owner, now, leaseMs) =>
      inTransaction(database, async (transaction) => {
        const row = await transaction
          .insertInto('named_leases')
          .values({ name, owner, until: now + leaseMs })
          .onConflict((conflict) =>
            conflict
              .column('name')
              .doUpdateSet({ owner, until: now + leaseMs })
              .where((where) =>
                where.or([where('named_leases.owner', '=', owner), where('named_leases.until', '<=', now)]),
              ),
          )
          .returning('owner')
          .executeTakeFirst();
        return row?.owner === owner;
      }),
    release: async (name, owner) => {
      await inTransaction(database, (transaction) =>
        transaction.deleteFrom('named_leases').where('name', '=', name).where('owner', '=', owner).execute(),
      );
    },
  };
}
