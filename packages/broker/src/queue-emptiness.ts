import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel } from 'amqplib';
import { replyCodeOf } from './exception.js';
import type { QueueInfo } from './management-answers.js';

/** How long the broker's statistics may take to tell of a consumer, in milliseconds. They come every 5 s unless configured. */
const statisticsWithinMs = 15_000;
const lookEveryMs = 200;

/** Why a queue is not seen to be empty. */
export type Occupation =
  | { readonly kind: 'messages'; readonly messages: number }
  /** Somebody consumes it, or holds a message of it by basic.get. */
  | { readonly kind: 'consumers' }
  /** The statistics did not tell in time. */
  | { readonly kind: 'unknown' };

/** A queue seen to be empty, held by a consumer of ours so that what comes in is noticed. */
export interface EmptyQueue {
  /** False: a message came in since it was seen to be empty, which is back in it, or somebody consumes it now. True: it is gone. */
  deleteIfEmpty(): Promise<boolean>;
}

export interface Emptiness {
  /** By name. A queue that does not exist any more is in neither map. */
  readonly occupied: ReadonlyMap<string, Occupation>;
  readonly empty: ReadonlyMap<string, EmptyQueue>;
}

/**
 * Asks queues whether they hold a message, ready or unacknowledged. A queue tells a client how many are ready and nothing of
 * the others; these are in the broker's statistics, which lag behind. So a consumer of ours goes to each queue that has
 * nothing ready and no other consumer: once the statistics count it, they are younger than it, and so is what they say of
 * unacknowledged messages. It stays as long as the connection.
 * @param statistics every queue of the virtual host
 */
export async function emptinessOf(
  connection: ChannelModel,
  queues: readonly string[],
  statistics: () => Promise<readonly QueueInfo[]>,
): Promise<Emptiness> {
  const occupied = new Map<string, Occupation>();
  const quiet = new Set<string>();
  for (const queue of queues) {
    const found = await lookAt(connection, queue);
    if (found === 'quiet') quiet.add(queue);
    else if (found !== 'gone') occupied.set(queue, found);
  }
  // A consumer that left a moment ago is still counted: ours could not be told from it.
  await seenIn(statistics, quiet, ({ consumers }) => consumers === 0, occupied);
  const watches = new Map<string, Watch>();
  for (const queue of quiet) {
    const watch = await Watch.on(connection, queue);
    if (watch === 'consumed') occupied.set(queue, { kind: 'consumers' });
    else if (watch !== 'gone') watches.set(queue, watch);
  }
  const watched = new Set(watches.keys());
  const fresh = await seenIn(statistics, watched, ({ consumers }) => consumers > 0, occupied);
  const empty = new Map<string, EmptyQueue>();
  for (const queue of watched) {
    const { messages_ready: ready = 0, messages_unacknowledged: unacked = 0 } = fresh.get(queue) ?? {};
    const watch = watches.get(queue);
    if (ready + unacked > 0) occupied.set(queue, { kind: 'messages', messages: ready + unacked });
    else if (watch !== undefined) empty.set(queue, watch);
  }
  return { occupied, empty };
}

async function lookAt(connection: ChannelModel, queue: string): Promise<Occupation | 'quiet' | 'gone'> {
  const channel = await openChannel(connection);
  try {
    const { messageCount: messages, consumerCount } = await channel.checkQueue(queue);
    await channel.close();
    if (messages > 0) return { kind: 'messages', messages };
    return consumerCount > 0 ? { kind: 'consumers' } : 'quiet';
  } catch (error) {
    if (replyCodeOf(error) === 404) return 'gone';
    throw error;
  }
}

/** Waits until the statistics say so of every queue, and gives them. Takes out of `queues` those of which they don't in time, or that are gone. */
async function seenIn(
  statistics: () => Promise<readonly QueueInfo[]>,
  queues: Set<string>,
  isSeen: (queue: QueueInfo) => boolean,
  occupied: Map<string, Occupation>,
): Promise<ReadonlyMap<string, QueueInfo>> {
  const end = performance.now() + statisticsWithinMs;
  for (;;) {
    const found = new Map((await statistics()).map((queue) => [queue.name, queue]));
    const waiting = [...queues].filter((name) => {
      const queue = found.get(name);
      if (queue === undefined) queues.delete(name);
      return queue !== undefined && !isSeen(queue);
    });
    if (waiting.length === 0) return found;
    if (performance.now() > end) {
      for (const name of waiting) {
        queues.delete(name);
        occupied.set(name, { kind: 'unknown' });
      }
      return found;
    }
    await sleep(lookEveryMs);
  }
}

class Watch implements EmptyQueue {
  readonly #channel: Channel;
  readonly #queue: string;
  #delivered = false;

  private constructor(channel: Channel, queue: string) {
    this.#channel = channel;
    this.#queue = queue;
  }

  /** `consumed`: by somebody else. */
  static async on(connection: ChannelModel, queue: string): Promise<Watch | 'consumed' | 'gone'> {
    const channel = await openChannel(connection);
    const watch = new Watch(channel, queue);
    try {
      await channel.prefetch(1);
      const onMessage = (message: unknown) => {
        if (message !== null) watch.#delivered = true;
      };
      // A quorum queue lets others in beside it.
      await channel.consume(queue, onMessage, { exclusive: true });
      return watch;
    } catch (error) {
      if (replyCodeOf(error) === 403) return 'consumed';
      if (replyCodeOf(error) === 404) return 'gone';
      throw error;
    }
  }

  async deleteIfEmpty(): Promise<boolean> {
    try {
      return await this.#deleteIfEmpty();
    } catch (error) {
      // Whoever else applies the topology was faster.
      if (replyCodeOf(error) === 404) return true;
      throw error;
    }
  }

  async #deleteIfEmpty(): Promise<boolean> {
    // The first answer may overtake a delivery that is on its way; the second one comes after it.
    const first = await this.#channel.checkQueue(this.#queue);
    const { messageCount, consumerCount } = await this.#channel.checkQueue(this.#queue);
    if (this.#delivered || first.messageCount + messageCount > 0 || consumerCount > 1) {
      // What was delivered goes back to its queue.
      await this.#channel.close();
      return false;
    }
    await this.#channel.deleteQueue(this.#queue);
    await this.#channel.close();
    return true;
  }
}

async function openChannel(connection: ChannelModel): Promise<Channel> {
  const channel = await connection.createChannel();
  // The pending call is rejected with the same error; without a listener it would end the process.
  channel.on('error', () => undefined);
  return channel;
}
