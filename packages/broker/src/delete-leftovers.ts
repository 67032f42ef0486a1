import type { DeleteStep, HeldBinding, Holder } from '@warren/topology';
import type { Channel, ChannelModel } from 'amqplib';
import { withConnection } from './inspect-connection.js';
import type { ManagementClient } from './management.js';
import { emptinessOf, type Occupation } from './queue-emptiness.js';

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
    const { kind, name } = step;
    if (step.whenEmpty.some((holder) => kept.has(holder.name))) continue;
    switch (kind) {
      case 'binding':
        await unbind(channel, step.binding);
        deleted.push({ kind, name });
        break;
      case 'queue':
        if (evenFull.has(name)) {
          deleted.push({ kind, name, messages: (await channel.deleteQueue(name)).messageCount });
        } else if ((await empty.get(name)?.deleteIfEmpty()) === false) {
          // Found nothing of at first: it came in since.
          kept.set(name, { kind: 'messages', messages: 1 });
        } else deleted.push({ kind, name, messages: 0 });
        break;
      case 'exchange':
        await channel.deleteExchange(name);
        deleted.push({ kind, name });
        break;
      case 'policy':
        await management.deletePolicy(vhost, name);
        deleted.push({ kind, name });
        break;
      default:
        step satisfies never;
    }
  }
  await channel.close();
  return { deleted, occupied: kept };
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
