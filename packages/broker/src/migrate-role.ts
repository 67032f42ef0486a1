import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger, LivingQueue } from '@warren/ledger';
import type { RoleMigration, Topology } from '@warren/topology';
import type { ChannelModel } from 'amqplib';
import { applyTopology } from './apply.js';
import { queueCounts } from './inspect.js';
import { withConnection } from './inspect-connection.js';
import type { ManagementClient } from './management.js';
import { emptinessOf } from './queue-emptiness.js';

export interface MigrateParts {
  readonly amqpUrl: string;
  readonly managementUrl?: string | undefined;
  readonly vhost: string;
  readonly management: ManagementClient;
  readonly ledger: Pick<Ledger, 'livingQueues'>;
  /** What the broker is to hold in the end. */
  readonly wanted: Topology;
  readonly onProgress: (progress: MigrationProgress) => void;
  /** Breaks it off between two steps; whoever migrates again goes on from there. */
  readonly signal: AbortSignal;
}

export type MigrationProgress =
  | { readonly step: 'opened' | 'rerouted' | 'done'; readonly role: string; readonly queues: readonly string[] }
  /** `consumers` 0: nobody works what is left in it. */
  | { readonly step: 'draining'; readonly role: string; readonly messages: number; readonly consumers: number }
  /** It is empty, and whoever consumes it has to leave it first. */
  | { readonly step: 'closing'; readonly role: string; readonly queues: readonly string[] };

/** Between two looks at what is left, in milliseconds. The broker's statistics are that old anyway. */
const lookEveryMs = 1_000;

/**
 * Moves a role's messages to other queues without a stop of intake.
 *
 * Each step leaves everything so that messages are worked, and so that the next step, or the same one again after a crash,
 * finds by the broker and the ledger how far it came:
 * - Consumers are told of the fresh queues before anything is routed there.
 * - The fresh queues are bound before the old ones are unbound: in between, a message goes to both. Dispatch absorbs the copy;
 *   the other way round it would go to nobody.
 * - The old queue is consumed until it holds nothing, ready or unacknowledged. Then consumers are told to leave it, and it is
 *   looked at again before it is deleted: what came back in that moment is worked first.
 */
export async function migrateRole(migration: RoleMigration, parts: MigrateParts): Promise<void> {
  const { role, old } = migration;
  const { ledger, onProgress } = parts;
  const fresh = migration.fresh.map(({ name }) => name);
  const record = (state: LivingQueue['state']) =>
    ledger.livingQueues.record(role, [
      ...fresh.map((queue) => ({ queue, state: 'receiving' as const })),
      ...old.map((queue) => ({ queue, state })),
    ]);

  await record('receiving');
  await openFresh(migration, parts);
  onProgress({ step: 'opened', role, queues: fresh });
  await unbindOld(migration, parts);
  onProgress({ step: 'rerouted', role, queues: old });
  let left = old;
  while (left.length > 0) {
    await record('draining');
    await drained(role, left, parts);
    await record('closing');
    onProgress({ step: 'closing', role, queues: left });
    left = await deleteEmpty(left, parts);
  }
  await ledger.livingQueues.record(
    role,
    fresh.map((queue) => ({ queue, state: 'receiving' })),
  );
  onProgress({ step: 'done', role, queues: fresh });
}

/** Everything else of the topology is left out: it is there, or not this migration's to make. */
async function openFresh({ bindings, fresh }: RoleMigration, { amqpUrl, managementUrl, wanted }: MigrateParts) {
  const { exchanges, policies } = wanted;
  await applyTopology({
    amqpUrl,
    ...(managementUrl === undefined ? {} : { managementUrl }),
    topology: { ...wanted, exchanges, policies, queues: fresh, bindings },
  });
}

async function unbindOld({ unbind }: RoleMigration, { amqpUrl }: MigrateParts): Promise<void> {
  await withConnection(amqpUrl, async (connection) => {
    const channel = await connection.createChannel();
    for (const { destination, routingKey, source, ...binding } of unbind) {
      await channel.unbindQueue(destination, source, routingKey, binding.arguments);
    }
    await channel.close();
  });
}

/** Resolves once the statistics say that the queues hold nothing. */
async function drained(role: string, queues: readonly string[], parts: MigrateParts): Promise<void> {
  const { management, onProgress, signal, vhost } = parts;
  for (;;) {
    signal.throwIfAborted();
    const found = (await management.queues(vhost)).filter(({ name }) => queues.includes(name));
    const messages = found.reduce((sum, one) => sum + one.messages_ready + one.messages_unacknowledged, 0);
    const consumers = found.reduce((sum, one) => sum + one.consumers, 0);
    onProgress({ step: 'draining', role, messages, consumers });
    if (messages === 0) return;
    await sleep(lookEveryMs, undefined, { signal });
  }
}

/** Answers the queues that are still there: a message came back, or somebody consumes them again. */
async function deleteEmpty(queues: readonly string[], parts: MigrateParts): Promise<readonly string[]> {
  const { amqpUrl, management, vhost } = parts;
  await untilLeft(queues, parts);
  return await withConnection(amqpUrl, async (connection: ChannelModel) => {
    const { empty, occupied } = await emptinessOf(connection, queues, () => management.queues(vhost));
    const left: string[] = [...occupied.keys()];
    for (const [queue, one] of empty) if (!(await one.deleteIfEmpty())) left.push(queue);
    return left;
  });
}

/** Resolves when nobody consumes the queues any more, or one of them holds a message again. */
async function untilLeft(queues: readonly string[], { amqpUrl, signal }: MigrateParts): Promise<void> {
  for (;;) {
    const counts = [...(await queueCounts(amqpUrl, queues)).values()];
    if (counts.every(({ consumers }) => consumers === 0) || counts.some(({ ready }) => ready > 0)) return;
    await sleep(lookEveryMs, undefined, { signal });
  }
}
