import type { Ledger } from '@warren/ledger';
import { firstQueues, type QueueProfile, type QuorumPriorities } from '@warren/topology';

/**
 * The names of the queues whose messages consumers of a role are to work now: what the ledger says of a role whose queues
 * are or were being replaced, else those that the topology gives it. Throws `LedgerUnavailable`.
 */
export async function queuesOf(
  role: string,
  ledger: Pick<Ledger, 'livingQueues'>,
  { profile, priorities }: { readonly profile: QueueProfile; readonly priorities: QuorumPriorities },
): Promise<readonly string[]> {
  const recorded = await ledger.livingQueues.of(role);
  if (recorded.length === 0) return firstQueues(role, profile, priorities);
  return recorded.filter(({ state }) => state !== 'closing').map(({ queue }) => queue);
}
