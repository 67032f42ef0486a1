import { topologyFor, workQueue } from '@warren/topology';
import { connect } from 'amqplib';
import { probe } from '../../processes/src/probe.js';

/** What a person with the broker's tools can do to it, and see of it: as the queues themselves say, not their statistics. */
export interface Hand {
  /** Messages ready, by queue; queues without any are left out. */
  depths(): Promise<Record<string, number>>;
  /** Messages ready in one queue. */
  depth(queue: string): Promise<number>;
  consumers(queue: string): Promise<number>;
  /** Resolves with how many messages are gone. */
  purge(queue: string): Promise<number>;
  /** Takes the first message out of a queue for good. Resolves with its id. */
  takeOne(queue: string): Promise<string>;
  deleteQueue(queue: string): Promise<void>;
  deleteExchange(exchange: string): Promise<void>;
  close(): Promise<void>;
}

export const probeQueue = workQueue(probe.name);

/** Every queue that a house has. */
export const allQueues: readonly string[] = topologyFor({
  types: [probe],
  delay: 'ladder',
  profile: 'classic',
}).queues.map(({ name }) => name);

export const ladderQueues: readonly string[] = allQueues.filter((queue) => queue.startsWith('delay.'));

export async function takeHand(amqpUrl: string): Promise<Hand> {
  const model = await connect(amqpUrl);
  const channel = await model.createChannel();
  // Whoever asks for what is not there is told so by the answer.
  model.on('error', () => undefined);
  channel.on('error', () => undefined);
  return {
    async depths() {
      const counts = await Promise.all(allQueues.map((queue) => channel.checkQueue(queue)));
      return Object.fromEntries(
        counts.filter(({ messageCount }) => messageCount > 0).map(({ queue, messageCount }) => [queue, messageCount]),
      );
    },
    depth: async (queue) => (await channel.checkQueue(queue)).messageCount,
    consumers: async (queue) => (await channel.checkQueue(queue)).consumerCount,
    purge: async (queue) => (await channel.purgeQueue(queue)).messageCount,
    async takeOne(queue) {
      const message = await channel.get(queue);
      if (message === false) throw new Error(`queue ${queue} is empty`);
      channel.ack(message);
      return String(message.properties.messageId);
    },
    async deleteQueue(queue) {
      await channel.deleteQueue(queue);
    },
    async deleteExchange(exchange) {
      await channel.deleteExchange(exchange);
    },
    close: () => model.close(),
  };
}
