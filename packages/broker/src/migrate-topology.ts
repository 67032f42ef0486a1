import { randomUUID } from 'node:crypto';
import type { Ledger } from '@warren/ledger';
import { migrationsOn, type RoleMigration, readQueueName, type Topology, withoutReplacements } from '@warren/topology';
import { applyTopology } from './apply.js';
import { managementClient } from './management.js';
import { managementAddress } from './management-request.js';
import { type MigrationProgress, migrateRole } from './migrate-role.js';
import { type PlanOptions, planOn } from './topology-plan.js';

export interface MigrateTopologyParts {
  readonly ledger: Pick<Ledger, 'leases' | 'livingQueues'>;
  readonly onProgress: (progress: MigrationProgress) => void;
  /** How long a process that is gone keeps others from going on with it, in milliseconds. Default 15,000. */
  readonly leaseMs?: number;
}

const leaseName = 'topology-migration';
const defaultLeaseMs = 15_000;

/**
 * Replaces every queue that stands otherwise than it is wanted, one role after the other. Whoever begins it again after a
 * crash goes on where it stopped. Throws a {@link MigrationRunsError} while another process does it.
 */
export async function migrateTopology(
  options: PlanOptions,
  { ledger, onProgress, leaseMs = defaultLeaseMs }: MigrateTopologyParts,
): Promise<void> {
  const { amqpUrl, managementUrl } = options;
  const owner = randomUUID();
  if (!(await ledger.leases.acquire(leaseName, owner, Date.now(), leaseMs))) throw new MigrationRunsError();
  const lost = new AbortController();
  const renewal = setInterval(() => void renew(), leaseMs / 3);
  try {
    const { held, vhost, wanted } = await planOn(options);
    // What the fresh queues stand on, and a policy that reaches them.
    await applyTopology({
      amqpUrl,
      ...(managementUrl === undefined ? {} : { managementUrl }),
      topology: withoutReplacements(wanted, held),
    });
    const management = managementClient(managementAddress(amqpUrl, managementUrl));
    const migrations = migrationsOn(held, wanted);
    await forgetWhatIsGone(wanted, migrations, ledger);
    for (const migration of migrations) {
      const parts = { amqpUrl, managementUrl, vhost, management, ledger, wanted, onProgress, signal: lost.signal };
      await migrateRole(migration, parts);
    }
  } finally {
    clearInterval(renewal);
    await ledger.leases.release(leaseName, owner).catch(() => undefined);
  }

  async function renew(): Promise<void> {
    const held = await ledger.leases.acquire(leaseName, owner, Date.now(), leaseMs).catch(() => true);
    if (!held) lost.abort(new MigrationRunsError());
  }
}

/**
 * What the ledger has recorded of roles whose queues are as they are wanted. It differs where a broker was made anew, with
 * first generations, or where a migration ended without its last word.
 */
async function forgetWhatIsGone(
  { queues }: Topology,
  migrations: readonly RoleMigration[],
  { livingQueues }: MigrateTopologyParts['ledger'],
): Promise<void> {
  for (const role of (await livingQueues.all()).keys()) {
    const present = queues.filter(({ name }) => readQueueName(name)?.role === role);
    if (present.length === 0 || migrations.some((migration) => migration.role === role)) continue;
    await livingQueues.record(
      role,
      present.map(({ name }) => ({ queue: name, state: 'receiving' })),
    );
  }
}

/** Two would only be in each other's way. */
export class MigrationRunsError extends Error {
  override readonly name = 'MigrationRunsError';
  readonly exitCode = 1;
  readonly next = `wait for it; where its process is gone, run this again in ${defaultLeaseMs / 1_000} seconds`;

  constructor() {
    super('somebody else migrates the topology of this ledger just now');
  }
}
