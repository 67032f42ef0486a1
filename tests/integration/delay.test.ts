import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  applyTopology,
  delayBy,
  hasDelayPlugin,
  managementAddress,
  managementClient,
  type RoutableProperties,
  readyCounts,
  routedProperties,
} from '@warren/broker';
import { defaultPolicy, type TaskType } from '@warren/tasks';
import { type DelayMechanism, queueNames, routingKey, type Topology, topologyFor, workQueue } from '@warren/topology';
import { type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from 'amqplib';
import { z } from 'zod';
import { type FreshVhost, freshVhost, startOwnBroker } from './support/broker.js';
import { until } from './support/until.js';

jest.setTimeout(120_000);

const types: readonly TaskType[] = ['alpha', 'beta'].map((name) => ({
  name,
  summary: name,
  input: z.unknown(),
  result: z.unknown(),
  policy: defaultPolicy,
}));

const hasPlugin = await withFreshVhost(({ amqpUrl }) => hasDelayPlugin(amqpUrl));

describe('delay by ladder', () => conformance('ladder'));
if (hasPlugin) describe('delay by plugin', () => conformance('plugin'));
else describe.skip('delay by plugin: this broker lacks rabbitmq_delayed_message_exchange', () => conformance('plugin'));

/** What every mechanism owes, whatever it is made of. */
function conformance(mechanism: DelayMechanism): void {
  const topology = topologyFor({ types, delay: mechanism, profile: 'classic' });
  let vhost: FreshVhost;
  let site: Site;
  beforeEach(async () => {
    vhost = await freshVhost();
    await applyTopology({ ...vhost, topology });
    site = await openSite(vhost.amqpUrl, topology);
  });
  afterEach(async () => {
    await site.close();
    await vhost.dispose();
  });

  it('hundreds of random delays: none early, none lost, none twice, each in its own queue', async () => {
    await site.consumeAll();
    const sent = await site.sendAll(300, () => ({ delayMs: Math.random() * 4_000 }));
    await site.arrived(sent);
    await site.sentinel();
    expect(site.early()).toEqual([]);
    expect(site.queuesOf(sent)).toEqual(sent.map(({ type }) => [workQueue(type)]));
    expect(await site.waiting()).toEqual(new Map());
  });

  it('is not early at, just below and just above the steps of the ladder', async () => {
    await site.consumeAll();
    const edges = [1, 2, 4, 8, 16, 31].flatMap((units) => [-1, 0, 1].map((ms) => units * 100 + ms));
    const sent = await site.sendAll(edges.length * 5, (index) => ({ delayMs: edges[index % edges.length] ?? 0 }));
    await site.arrived(sent);
    expect(site.early()).toEqual([]);
  });

  it('a long delay holds back no shorter one that comes after it', async () => {
    await site.consumeAll();
    const long = await site.sendAll(50, () => ({ delayMs: 600_000 }));
    const short = await site.sendAll(50, (index) => ({ delayMs: 10 * index }));
    await site.arrived(short);
    expect(site.queuesOf(long).flat()).toEqual([]);
  });

  it('no delay goes straight to the work queue', async () => {
    await site.consumeAll();
    const sent = await site.sendAll(20, () => ({ delayMs: 0 }));
    const arrivals = await site.arrived(sent);
    expect(arrivals.map(({ fields }) => fields.exchange)).toEqual(sent.map(() => 'tasks'));
  });

  it('body, headers, priority and other properties arrive as they were sent', async () => {
    await site.consumeAll();
    const properties = {
      priority: 8,
      contentType: 'application/json',
      correlationId: 'c-1',
      headers: { 'x-tenant': 'acme', 'x-attempt': 3, 'x-entities': ['a', 'b'] },
    };
    const body = Buffer.from([0, 255, 128, 10]);
    const [arrival] = await site.arrived([await site.send({ delayMs: 150, body, properties })]);
    expect(arrival?.content.equals(body)).toBe(true);
    expect(arrival?.properties).toMatchObject({ ...properties, deliveryMode: 2 });
  });

  it('priority orders what comes due while no worker takes it', async () => {
    const low = await site.sendAll(5, () => ({ delayMs: 50, type: 'alpha', properties: { priority: 2 } }));
    const high = await site.sendAll(5, () => ({ delayMs: 50, type: 'alpha', properties: { priority: 8 } }));
    await until(async () => (await site.waiting()).get(workQueue('alpha')) === 10);
    await site.consumeAll();
    const arrivals = await site.arrived([...low, ...high]);
    expect(arrivals.map(({ properties }) => properties.priority)).toEqual([2, 2, 2, 2, 2, 8, 8, 8, 8, 8]);
    expect(site.order().map(({ properties }) => properties.priority)).toEqual([8, 8, 8, 8, 8, 2, 2, 2, 2, 2]);
  });

  it('an expiration and a mandatory flag that were meant for another way neither shorten nor return it', async () => {
    await site.consumeAll();
    const properties = { expiration: '100', mandatory: true };
    const sent = await site.sendAll(10, () => ({ delayMs: 1_500, properties }));
    await site.arrived(sent);
    expect(site.early()).toEqual([]);
    expect(site.returned).toEqual([]);
  });

  it('a message that went this way before goes it again, with the headers it was delivered with', async () => {
    await site.consumeAll();
    let headers: Record<string, unknown> = { 'x-tenant': 'acme' };
    for (let round = 1; round <= 4; round += 1) {
      const [arrival] = await site.arrived([await site.send({ delayMs: 300, properties: { headers } })]);
      headers = { ...arrival?.properties.headers };
      expect(headers['x-tenant']).toBe('acme');
    }
    expect(site.early()).toEqual([]);
  });

  it('what nobody can take ends in the queue of unroutable messages and blocks nothing behind it', async () => {
    await site.consumeAll();
    const lost = await site.sendAll(40, () => ({ delayMs: 300, type: 'no-such-type' }));
    const good = await site.sendAll(40, () => ({ delayMs: 300 }));
    await site.arrived([...lost, ...good]);
    expect(new Set(site.queuesOf(lost).flat())).toEqual(new Set([queueNames.unroutable]));
    expect(site.early()).toEqual([]);
  });

  if (mechanism === 'ladder') {
    it('what a level handed on without getting a confirm for it is handed on again within seconds', async () => {
      const full = workQueue('alpha');
      await fillUp(vhost, full);
      const refused = await site.send({ delayMs: 100, type: 'alpha' });
      const behind = await site.send({ delayMs: 100, type: 'beta' });
      // Both waited in one level, so the one before it has met the full queue by then.
      await site.consume(workQueue('beta'));
      await site.arrived([behind]);
      await site.consume(full);
      await site.arrived([refused], 60_000);
      expect(site.queuesOf([refused])).toEqual([[full]]);
    });
  }

  // What the broker has in hand in the very moment of its stop may come twice: at-least-once dead-lettering, seen in about
  // one run of twenty. That a copy has no effect is the claim's work, not the delay's. It may also come late by the time
  // that the server waits for a lost confirm before it hands the message on again. And the plugin goes on delivering for
  // some milliseconds to queues that have stopped: what comes due then is lost, and the sweeper publishes it again.
  const lost = mechanism === 'plugin' ? 'few lost, and of what came due in its stop' : 'none lost';
  it(`over a restart of the broker in the middle: none early, ${lost}, few twice`, async () => {
    const broker = await startOwnBroker();
    try {
      await applyTopology({ amqpUrl: broker.amqpUrl, managementUrl: broker.managementUrl, topology });
      const before = await openSite(broker.amqpUrl, topology);
      const sent = await before.sendAll(200, (index) => ({ delayMs: index * 100 }));
      await until(async () => ((await before.waiting()).get(workQueue('alpha')) ?? 0) >= 5);
      await before.close();
      const stopAt = performance.now();
      await broker.stop();
      const stoppedAt = performance.now();
      await broker.start();
      const inItsStop = sent.filter(({ dueAt }) => dueAt > stopAt - confirmedWithinMs && dueAt < stoppedAt);
      const mayBeLost = new Set(mechanism === 'plugin' ? inItsStop : []);
      const after = await openSite(broker.amqpUrl, topology, sent);
      await after.consumeAll();
      await after.arrived(
        sent.filter((one) => !mayBeLost.has(one)),
        60_000,
      );
      await after.sentinel();
      expect(after.early()).toEqual([]);
      const arrived = sent.filter((one) => after.queuesOf([one]).flat().length > 0);
      expect(sent.length - arrived.length).toBeLessThanOrEqual(mechanism === 'plugin' ? mostInTransit : 0);
      expect(after.queuesOf(arrived).map((queues) => [...new Set(queues)])).toEqual(
        arrived.map(({ type }) => [workQueue(type)]),
      );
      expect(after.queuesOf(arrived).flat().length - arrived.length).toBeLessThanOrEqual(mostInTransit);
      expect(await after.waiting()).toEqual(new Map());
      await after.close();
    } finally {
      await broker.discard();
    }
  }, 300_000);
}

/** A few of 200, due 100 ms apart, can be on their way from one queue to the next in the moment of the stop. */
const mostInTransit = 10;

/** A delay counts from when the broker takes the message, which is before its confirm. */
const confirmedWithinMs = 1_000;

/** The broker reads its clock in whole milliseconds, cut, not rounded. */
const brokerClockStepMs = 1;

interface Sent {
  readonly id: string;
  readonly type: string;
  readonly dueAt: number;
}

interface Message {
  readonly delayMs: number;
  /** Default: one of `types`, in turn. */
  readonly type?: string;
  readonly body?: Buffer;
  readonly properties?: RoutableProperties & Readonly<Record<string, unknown>>;
}

interface Arrival {
  readonly message: ConsumeMessage;
  readonly queue: string;
  readonly at: number;
}

/** One virtual host: messages go in through the delay, and what comes out of the queues is on record. */
class Site {
  readonly #sent: Sent[];
  readonly #arrivals = new Map<string, Arrival[]>();
  readonly #order: ConsumeMessage[] = [];
  readonly #changed = new EventEmitter();
  readonly returned: string[] = [];
  readonly #topology: Topology;
  readonly #amqpUrl: string;
  readonly #connection: ChannelModel;
  readonly #channel: ConfirmChannel;

  constructor(parts: {
    amqpUrl: string;
    topology: Topology;
    connection: ChannelModel;
    channel: ConfirmChannel;
    sent: readonly Sent[];
  }) {
    const { amqpUrl, topology, connection, channel, sent } = parts;
    this.#sent = [...sent];
    this.#amqpUrl = amqpUrl;
    this.#topology = topology;
    this.#connection = connection;
    this.#channel = channel;
    channel.on('return', (message) => this.returned.push(String(message.properties.messageId)));
  }

  async sendAll(count: number, message: (index: number) => Message): Promise<Sent[]> {
    return await Promise.all(
      Array.from({ length: count }, (_, index) => {
        const type = types[index % types.length]?.name ?? '';
        return this.send({ type, ...message(index) });
      }),
    );
  }

  /** Resolves once the broker has confirmed. */
  async send({ delayMs, type = 'alpha', body = Buffer.from('{}'), properties = {} }: Message): Promise<Sent> {
    const route = delayBy(this.#topology.delay).route(delayMs, routingKey(type, 'normal'));
    const sent = { id: randomUUID(), type, dueAt: performance.now() + delayMs };
    this.#sent.push(sent);
    const options = { ...routedProperties(route, properties), persistent: true, messageId: sent.id };
    await new Promise<void>((resolve, reject) => {
      this.#channel.publish(route.exchange, route.routingKey, body, options, (error) =>
        error ? reject(error) : resolve(),
      );
    });
    return sent;
  }

  async consumeAll(): Promise<void> {
    for (const queue of [...types.map(({ name }) => workQueue(name)), queueNames.unroutable]) await this.consume(queue);
  }

  async consume(queue: string): Promise<void> {
    await this.#channel.consume(queue, (message) => {
      if (message === null) return;
      const id = String(message.properties.messageId);
      this.#arrivals.set(id, [...(this.#arrivals.get(id) ?? []), { message, queue, at: performance.now() }]);
      this.#order.push(message);
      this.#channel.ack(message);
      this.#changed.emit('arrival');
    });
  }

  /** The first delivery of each, once all are there. Fails after `withinMs` with what is missing and where messages wait. */
  async arrived(wanted: readonly Sent[], withinMs = 90_000): Promise<ConsumeMessage[]> {
    const found = () => wanted.flatMap(({ id }) => this.#arrivals.get(id)?.[0]?.message ?? []);
    const deadline = AbortSignal.timeout(withinMs);
    while (found().length < wanted.length) {
      try {
        await once(this.#changed, 'arrival', { signal: deadline });
      } catch {
        const waiting = JSON.stringify([...(await this.waiting())]);
        throw new Error(`${wanted.length - found().length} of ${wanted.length} did not arrive; waiting: ${waiting}`);
      }
    }
    return found();
  }

  /** A message later than all before it: what should not come any more has had its chance. */
  async sentinel(): Promise<void> {
    const latest = Math.max(...this.#sent.map(({ dueAt }) => dueAt)) - performance.now();
    await this.arrived([await this.send({ delayMs: Math.max(0, latest) + 1_000 })]);
  }

  /** By how many milliseconds each early message was early. */
  early(): number[] {
    return this.#sent.flatMap(({ id, dueAt }) =>
      (this.#arrivals.get(id) ?? []).filter(({ at }) => at < dueAt - brokerClockStepMs).map(({ at }) => dueAt - at),
    );
  }

  /** Every queue that delivered it, once a delivery. */
  queuesOf(sent: readonly Sent[]): string[][] {
    return sent.map(({ id }) => (this.#arrivals.get(id) ?? []).map(({ queue }) => queue));
  }

  order(): readonly ConsumeMessage[] {
    return this.#order;
  }

  /** The queues in which messages wait, and how many. */
  async waiting(): Promise<ReadonlyMap<string, number>> {
    const counts = await readyCounts(
      this.#amqpUrl,
      this.#topology.queues.map(({ name }) => name),
    );
    return new Map([...counts].filter(([, ready]) => ready > 0));
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

/** @param sent messages that an earlier site sent and this one is to see arrive. */
async function openSite(amqpUrl: string, topology: Topology, sent: readonly Sent[] = []): Promise<Site> {
  const connection = await connect(amqpUrl, { noDelay: true });
  return new Site({ amqpUrl, topology, connection, channel: await connection.createConfirmChannel(), sent });
}

/** Makes a queue refuse what comes next, until something is taken out of it. */
async function fillUp({ amqpUrl, managementUrl, vhost }: FreshVhost, queue: string): Promise<void> {
  await managementClient(managementAddress(amqpUrl, managementUrl)).putPolicy(vhost, {
    name: 'small',
    pattern: `^${queue}$`,
    applyTo: 'queues',
    priority: 100,
    definition: { 'max-length': 1, overflow: 'reject-publish' },
  });
  const connection = await connect(amqpUrl);
  const channel = await connection.createConfirmChannel();
  const taken = () =>
    new Promise<boolean>((resolve) => channel.sendToQueue(queue, Buffer.from('{}'), {}, (error) => resolve(!error)));
  // A policy takes effect a moment after it was set.
  while (await taken());
  await connection.close();
}

async function withFreshVhost<T>(work: (vhost: FreshVhost) => Promise<T>): Promise<T> {
  const vhost = await freshVhost();
  try {
    return await work(vhost);
  } finally {
    await vhost.dispose();
  }
}
