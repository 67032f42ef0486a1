import type { LedgerDatabase } from './database.js';
import type { QueueState } from './schema.js';
import { inTransaction, persistently } from './transactions.js';

/**
 * A queue that messages of a role may be in. `receiving`: exchanges route to it; `draining`: none does any more, and what it
 * holds is still worked; `closing`: it is empty, nobody is to consume it, and it is about to be deleted.
 */
export interface LivingQueue {
  readonly queue: string;
  readonly state: QueueState;
}

/**
 * Which queues a role has while they are being replaced, and since. Whoever consumes a role reads it here, because a worker
 * may not ask the broker what there is. Of a role whose queues were never replaced nothing is recorded.
 */
export interface LivingQueues {
  /** By name; empty where nothing was ever recorded. */
  of(role: string): Promise<readonly LivingQueue[]>;
  /** Every role of which something is recorded. */
  all(): Promise<ReadonlyMap<string, readonly LivingQueue[]>>;
  /** Replaces what is recorded of a role. Readers see all of it or none. */
  record(role: string, queues: readonly LivingQueue[]): Promise<void>;
}

export function createLivingQueues(database: LedgerDatabase): LivingQueues {
  return {
    of: (role) =>
      persistently(database, (db) =>
        db.selectFrom('living_queues').select(['queue', 'state']).where('role', '=', role).orderBy('queue').execute(),
      ),
    async all() {
      const rows = await persistently(database, (db) =>
        db.selectFrom('living_queues').selectAll().orderBy('role').orderBy('queue').execute(),
      );
      const roles = new Map<string, LivingQueue[]>();
      for (const { role, queue, state } of rows) roles.set(role, [...(roles.get(role) ?? []), { queue, state }]);
      return roles;
    },
    async record(role, queues) {
      await inTransaction(database, async (transaction) => {
        await transaction.deleteFrom('living_queues').where('role', '=', role).execute();
        const rows = queues.map(({ queue, state }) => ({ role, queue, state }));
        if (rows.length > 0) await transaction.insertInto('living_queues').values(rows).execute();
      });
    },
  };
}
