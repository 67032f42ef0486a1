import type { DeleteStep, HeldBinding, Holder } from '@warren/topology';
import type { Channel, ChannelModel } from 'amqplib';
import { withConnection } from './inspect-connection.js';
import type { ManagementClient } from './management.js';
import { type EmptyQueue, emptinessOf, type Occupation } from './queue-emptiness.js';

export interface DeleteOptions {
  readonly amqpUrl: string;
  readonly vhost: string;
  readonly management: ManagementClient;
  /** In the plan's order. */
  readonly steps: readonly DeleteStep[];
  /** Queues to delete with the messages that are in them, and under their consumers. */
  readonly evenFull: ReadonlySet<string>;
}

export interface Deletion {
  /** Of a queue: with how many ready messages. */
  readonly deleted: readonly { readonly kind: DeleteStep['kind']; readonly name: string; readonly messages?: number }[];
  /** What was found to hold messages or to be in use, by name; nothing that needs it empty was deleted. */
  readonly occupied: ReadonlyMap<string, Occupation>;
}

/**
 * Deletes leftovers, each only when what must be empty for it is seen to be, by asking the queues themselves. Any number may
 * run at once: what is gone is deleted.
 */
export async function deleteLeftovers(options: DeleteOptions): Promise<Deletion> {
  if (options.steps.length === 0) return { deleted: [], occupied: new Map() };
  return await withConnection(options.amqpUrl, (connection) => deleteOver(connection, options));
}

async function deleteOver(connection: ChannelModel, options: DeleteOptions): Promise<Deletion> {
  const { vhost, management, steps, evenFull } = options;
  const holders = steps.flatMap(({ whenEmpty }) => whenEmpty);
  const asked = namesOf(holders, 'queue').filter((name) => !evenFull.has(name));
  const { occupied, empty } = await emptinessOf(connection, asked, () => management.queues(vhost));
  const kept = new Map([...occupied, ...(await heldBack(options, namesOf(holders, 'exchange')))]);
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  const deleted: Deletion['deleted'][number][] = [];
  for (const step of steps) {
    const { name } = step;
    if (step.whenEmpty.some((holder) => kept.has(holder.name))) continue;
    const outcome = await deleteOne(step, { channel, empty }, options);
    if (outcome === 'deleted') deleted.push({ kind: step.kind, name });
    else if (outcome === 'occupied') kept.set(name, { kind: 'messages', messages: 1 });
    else if (outcome !== 'gone') deleted.push({ kind: step.kind, name, ...outcome });
  }
  await channel.close();
  return { deleted, occupied: kept };
}

/** `occupied`: a message came in since the queue was seen to be empty. `gone`: somebody else deleted it meanwhile. */
type Outcome = 'deleted' | 'occupied' | 'gone' | { readonly messages: number };

async function deleteOne(
  step: DeleteStep,
  { channel, empty }: { readonly channel: Channel; readonly empty: ReadonlyMap<string, EmptyQueue> },
  { vhost, management, evenFull }: DeleteOptions,
): Promise<Outcome> {
  switch (step.kind) {
    case 'binding':
      await unbind(channel, step.binding);
      return 'deleted';
    case 'queue': {
      if (evenFull.has(step.name)) return { messages: (await channel.deleteQueue(step.name)).messageCount };
      const queue = empty.get(step.name);
      if (queue === undefined) return 'gone';
      return (await queue.deleteIfEmpty()) ? { messages: 0 } : 'occupied';
    }
    case 'exchange':
      await channel.deleteExchange(step.name);
      return 'deleted';
    case 'policy':
      await management.deletePolicy(vhost, step.name);
      return 'deleted';
    default:
      return step satisfies never;
  }
}

function namesOf(holders: readonly Holder[], kind: Holder['kind']): string[] {
  return [...new Set(holders.flatMap((one) => (one.kind === kind ? [one.name] : [])))];
}

/** Of exchanges of the delayed-message plugin, those that hold messages back. */
async function heldBack(
  { vhost, management }: DeleteOptions,
  exchanges: readonly string[],
): Promise<ReadonlyMap<string, Occupation>> {
  const found = new Map<string, Occupation>();
  for (const name of exchanges) {
    const messages = (await management.exchange(vhost, name))?.messages_delayed ?? 0;
    if (messages > 0) found.set(name, { kind: 'messages', messages });
  }
  return found;
}

async function unbind(channel: Channel, binding: HeldBinding): Promise<void> {
  const { source, destination, destinationKind, routingKey } = binding;
  switch (destinationKind) {
    case 'queue':
      await channel.unbindQueue(destination, source, routingKey, binding.arguments);
      return;
    case 'exchange':
      await channel.unbindExchange(destination, source, routingKey, binding.arguments);
      return;
    default:
      destinationKind satisfies never;
  }
}
