import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyTopology, managementAddress, managementClient } from '@warren/broker';
import { type Ledger, type Letter, openLedger, type Task } from '@warren/ledger';
import { type Producer, type ProducerConfig, startProducer } from '@warren/producer';
import { taskTypes } from '@warren/tasks';
import { exchangeNames, queueNames, topologyFor } from '@warren/topology';
import { type ChannelModel, type ConfirmChannel, connect, type GetMessage, type Options } from 'amqplib';
import { freshVhost } from './broker.js';
import { testLog } from './test-log.js';

/** A stranger's message. */
export interface Foreign {
  /** Text is sent as it is, anything else as JSON. */
  readonly body: unknown;
  /** Default `summarize`. */
  readonly key?: string;
  readonly properties?: Options.Publish;
}

/** A broker with Warren's topology, a ledger, and a stranger who publishes with a plain client. */
export interface WayIn {
  readonly amqpUrl: string;
  readonly managementUrl: string;
  readonly vhost: string;
  readonly ledgerUrl: string;
  /** A look at the ledger beside the producer's own. */
  readonly ledger: Ledger;
  startProducer(config?: Partial<ProducerConfig>, readyWithinMs?: number): Promise<Producer>;
  /** False when the broker answered with a nack. */
  publish(foreign: Foreign): Promise<boolean>;
  /** What the queue itself counts now. */
  depth(queue: string): Promise<{ readonly ready: number; readonly consumers: number }>;
  /** The next message of a queue, taken out of it. Undefined when it is empty. */
  take(queue: string): Promise<GetMessage | undefined>;
  task(id: string): Promise<Task | undefined>;
  letters(): Promise<readonly Letter[]>;
  applyTopology(): Promise<void>;
  /** Gives queue `submitted` room for so many messages, and fills it: the next one is nacked. Resolves to how many it took. */
  fillSubmitted(room: number, filler: () => unknown): Promise<number>;
  /** The stranger's own channel, to break things with. */
  readonly channel: ConfirmChannel;
  dispose(): Promise<void>;
}

/** @param ledgerUrl default: an SQLite file of its own. */
export async function wayIn({ ledgerUrl: givenLedgerUrl }: { ledgerUrl?: string } = {}): Promise<WayIn> {
  const { amqpUrl, managementUrl, vhost, dispose: disposeVhost } = await freshVhost();
  const apply = async () => {
    const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' });
    await applyTopology({ amqpUrl, managementUrl, topology });
  };
  await apply();
  const folder = mkdtempSync(join(tmpdir(), 'warren-way-in-'));
  const ledgerUrl = givenLedgerUrl ?? join(folder, 'ledger.db');
  const ledger = await openLedger(ledgerUrl);
  const stranger: ChannelModel = await connect(amqpUrl, { noDelay: true });
  const channel = await stranger.createConfirmChannel();
  const producers: Producer[] = [];
  const publish = ({ body, key = 'summarize', properties = {} }: Foreign) =>
    new Promise<boolean>((resolve) => {
      const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      channel.publish(exchangeNames.submit, key, bytes, properties, (error) => resolve(error === null));
    });

  return {
    amqpUrl,
    managementUrl,
    vhost,
    ledgerUrl,
    ledger,
    channel,
    async startProducer(config = {}, readyWithinMs = 15_000) {
      const defaults = {
        amqpUrl,
        ledgerUrl,
        delay: 'ladder',
        profile: 'classic',
        priorities: 'lanes',
        prefetch: 10,
        outboxLimit: 1_000,
        drainMs: 5_000,
      } as const;
      const producer = await startProducer({
        config: { ...defaults, logLevel: 'silent', ...config },
        log: testLog,
        readyWithinMs,
      });
      producers.push(producer);
      return producer;
    },
    publish,
    async depth(queue) {
      const { messageCount, consumerCount } = await channel.checkQueue(queue);
      return { ready: messageCount, consumers: consumerCount };
    },
    take: async (queue) => (await channel.get(queue, { noAck: true })) || undefined,
    task: (id) => ledger.queries.task(id),
    letters: () => ledger.letters.list({ limit: 100 }),
    applyTopology: apply,
    async fillSubmitted(room, filler) {
      await managementClient(managementAddress(amqpUrl, managementUrl)).putPolicy(vhost, {
        name: 'small',
        pattern: `^${queueNames.submitted}$`,
        applyTo: 'queues',
        priority: 1,
        definition: { 'max-length': room },
      });
      // A policy takes effect a moment after it was set.
      let taken = 0;
      while (await publish({ body: filler() })) taken += 1;
      return taken;
    },
    async dispose() {
      await Promise.all(producers.map((producer) => producer.stop()));
      await stranger.close();
      await ledger.close();
      await disposeVhost();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Everything that was submitted so far has been taken in, one way or another: the counts add up. */
export function takenIn({ counts }: Producer): number {
  return counts.accepted + counts.duplicates + counts.parked;
}

export const submittedQueue = queueNames.submitted;
