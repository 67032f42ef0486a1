import { replyCodeOf } from './exception.js';
import { withConnection } from './inspect-connection.js';
import type { ManagementClient } from './management.js';

export interface QueueDepth {
  readonly queue: string;
  readonly ready: number;
  readonly unacked: number;
  readonly consumers: number;
}

/**
 * The depth of every queue of a virtual host, or of the named ones, by name. They are the broker's statistics: up to one
 * collection interval old (5 s unless configured). A named queue that does not exist is left out.
 */
export async function queueDepths(
  management: Pick<ManagementClient, 'queues'>,
  vhost: string,
  names?: readonly string[],
): Promise<QueueDepth[]> {
  const queues = await management.queues(vhost);
  return queues
    .filter(({ name }) => names === undefined || names.includes(name))
    .map((queue) => ({
      queue: queue.name,
      ready: queue.messages_ready,
      unacked: queue.messages_unacknowledged,
      consumers: queue.consumers,
    }))
    .sort((a, b) => (a.queue < b.queue ? -1 : 1));
}

/** Messages that wait in a queue and no worker holds, as the queue itself counts them now. `undefined`: there is no such queue. */
export async function readyCount(amqpUrl: string, queue: string): Promise<number | undefined> {
  return (await readyCounts(amqpUrl, [queue])).get(queue);
}

/** {@link readyCount} of several queues over one short-lived connection. A queue that does not exist is left out. */
export async function readyCounts(amqpUrl: string, queues: readonly string[]): Promise<ReadonlyMap<string, number>> {
  return new Map([...(await queueCounts(amqpUrl, queues))].map(([queue, { ready }]) => [queue, ready]));
}

/** What a queue itself counts now. */
export interface QueueCount {
  /** Messages that wait in it and no consumer holds. */
  readonly ready: number;
  readonly consumers: number;
}

/**
 * What several queues count, over one short-lived connection. Left out is a queue that is refused with one of these reply
 * codes: 404, there is none; 403, from some 4.x on, this user has no permission on it.
 */
export async function queueCounts(
  amqpUrl: string,
  queues: readonly string[],
  leftOut: readonly number[] = [404],
): Promise<ReadonlyMap<string, QueueCount>> {
  return await withConnection(amqpUrl, async (connection) => {
    const counts = new Map<string, QueueCount>();
    for (const queue of queues) {
      // A channel each: asking for a missing queue closes the channel.
      const channel = await connection.createChannel();
      channel.on('error', () => undefined);
      try {
        const { messageCount, consumerCount } = await channel.checkQueue(queue);
        counts.set(queue, { ready: messageCount, consumers: consumerCount });
        await channel.close();
      } catch (error) {
        if (!leftOut.includes(replyCodeOf(error) ?? 0)) throw error;
      }
    }
    return counts;
  });
}
