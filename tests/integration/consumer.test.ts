import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type BrokerConnection,
  type ConsumeOptions,
  connectBroker,
  consume,
  type Delivery,
  undecodableHeader,
} from '@warren/broker';
import type { PrivateBroker } from '@warren/local';
import { parseMessage } from '@warren/tasks';
import { type Channel, connect, type GetMessage } from 'amqplib';
import { startOwnBroker } from './support/broker.js';
import { sendDeepHeaders } from './support/deep-headers.js';
import { log, quick, useProxiedBroker } from './support/proxied-broker.js';
import { until } from './support/until.js';

describe('consumer', () => {
  const broker = useProxiedBroker();
  let queue: string;

  beforeEach(async () => {
    queue = `q-${randomUUID()}`;
    await broker().admin.assertQueue(queue);
  });

  async function consuming(options: Partial<ConsumeOptions> = {}, connection?: BrokerConnection) {
    const deliveries: Delivery[] = [];
    const consumer = consume(connection ?? (await broker().connected()), {
      queue,
      prefetch: 10,
      log,
      reconnect: quick,
      onDelivery: (delivery) => {
        deliveries.push(delivery);
      },
      ...options,
    });
    await until(() => consumer.state !== 'opening');
    return { consumer, deliveries };
  }

  /** Resolves with the delivery at this place, counted from 1, when it has come. */
  async function nth(deliveries: readonly Delivery[], place: number): Promise<Delivery> {
    await until(() => deliveries.length >= place);
    const delivery = deliveries[place - 1];
    if (delivery === undefined) throw new Error('no delivery came');
    return delivery;
  }

  function send(...texts: string[]): void {
    for (const text of texts)
      broker().admin.sendToQueue(queue, Buffer.from(text), { messageId: text, headers: { n: 1 } });
  }

  async function taken(): Promise<GetMessage> {
    for (;;) {
      const got = await broker().admin.get(queue, { noAck: true });
      if (got) return got;
    }
  }

  /** Messages in the queue and with nobody. */
  async function ready(): Promise<number> {
    return (await broker().admin.checkQueue(queue)).messageCount;
  }

  it('hands out no more than its prefetch at once, each with what it carries', async () => {
    const { consumer, deliveries } = await consuming({ prefetch: 2, consumerTag: 'worker-1' });
    send('a', 'b', 'c', 'd');
    const first = await nth(deliveries, 2);
    await until(async () => (await ready()) === 2);
    expect(consumer.held).toBe(2);
    expect(deliveries[0]).toMatchObject({
      content: Buffer.from('a'),
      exchange: '',
      routingKey: queue,
      redelivered: false,
      properties: { messageId: 'a', headers: { n: 1 } },
    });
    expect(Object.keys(first.properties)).not.toContain('priority');
    expect(first.ack()).toBe(true);
    const third = await nth(deliveries, 3);
    expect(third.requeue()).toBe(true);
    expect(await nth(deliveries, 4)).toMatchObject({ redelivered: true, properties: { messageId: 'c' } });
  });

  it('counts its prefetch for each consumer of a connection alone', async () => {
    const connection = await broker().connected();
    const one = await consuming({ prefetch: 1 }, connection);
    const two = await consuming({ prefetch: 1 }, connection);
    send('a', 'b', 'c');
    await Promise.all([nth(one.deliveries, 1), nth(two.deliveries, 1)]);
    await until(async () => (await ready()) === 1);
  });

  it('drops settlements of deliveries from before its socket was cut', async () => {
    const { consumer, deliveries } = await consuming();
    send('a', 'b');
    const before = [await nth(deliveries, 1), await nth(deliveries, 2)];
    const [watched, unwatched] = before;
    const lost = once(watched?.lost ?? new AbortController().signal, 'abort');
    const told: string[] = [];
    watched?.onLost(() => told.push('when it happened'));
    expect(before.map(({ isLost }) => isLost)).toEqual([false, false]);
    broker().proxy.cut();
    await lost;
    unwatched?.onLost(() => told.push('afterwards, at once'));
    expect(told).toEqual(['when it happened', 'afterwards, at once']);
    expect(before.map(({ isLost }) => isLost)).toEqual([true, true]);
    expect(before.map((delivery) => delivery.lost.aborted)).toEqual([true, true]);
    expect(unwatched?.lost.reason).toMatchObject({ message: expect.stringContaining('the delivery was lost') });

    const again = [await nth(deliveries, 3), await nth(deliveries, 4)];
    expect(again.map(({ redelivered }) => redelivered)).toEqual([true, true]);
    // The tags of both lives are 1 and 2: said now, these would ack the new deliveries.
    expect(before.map((delivery) => delivery.ack())).toEqual([false, false]);
    expect(consumer.dropped).toBe(2);
    expect(again.map((delivery) => delivery.requeue())).toEqual([true, true]);
    await nth(deliveries, 6);
    expect(consumer.state).toBe('consuming');
  });

  it('settles a delivery once', async () => {
    const { consumer, deliveries } = await consuming();
    send('a');
    const delivery = await nth(deliveries, 1);
    expect([delivery.ack(), delivery.ack(), delivery.requeue()]).toEqual([true, false, false]);
    expect(consumer.dropped).toBe(2);
    send('b');
    await nth(deliveries, 2);
    expect(delivery.lost.aborted).toBe(false);
  });

  it('waits for a queue that is deleted, until it is there again', async () => {
    const { consumer, deliveries } = await consuming();
    const waiting = once(consumer.events, 'waiting');
    await broker().admin.deleteQueue(queue);
    const [{ reason }] = await waiting;
    expect(reason).toContain('cancelled the consumer');
    const consumingAgain = once(consumer.events, 'consuming');
    await broker().admin.assertQueue(queue);
    await consumingAgain;
    send('a');
    expect((await nth(deliveries, 1)).ack()).toBe(true);
  });

  it('waits for a queue that is not there yet, without troubling others on its connection', async () => {
    const connection = await broker().connected();
    const steady = await consuming({}, connection);
    send('held');
    const held = await nth(steady.deliveries, 1);
    const later = `later-${randomUUID()}`;
    const { consumer } = await consuming({ queue: later }, connection);
    expect(consumer.state).toBe('waiting');
    const consumingAgain = once(consumer.events, 'consuming');
    await broker().admin.assertQueue(later);
    await consumingAgain;
    expect(held.ack()).toBe(true);
    expect(connection.connected).toBe(true);
  });

  it('gets its messages again after the broker closed its channel over a settlement', async () => {
    const connection = await broker().connected();
    const { channel, spied } = spyOnChannel(connection);
    send('strange');
    const strange = await taken();
    const { consumer, deliveries } = await consuming({}, spied);
    send('a');
    const before = await nth(deliveries, 1);
    const waiting = once(consumer.events, 'waiting');
    channel().ack({ ...strange, fields: { ...strange.fields, deliveryTag: 999 } });
    const [{ reason }] = await waiting;
    expect(reason).toContain('PRECONDITION_FAILED');
    expect(before.ack()).toBe(false);
    const again = await nth(deliveries, 2);
    expect(again.redelivered).toBe(true);
    expect(again.ack()).toBe(true);
    expect(connection.connected).toBe(true);
  });

  it('consumes again after a forced reconnect', async () => {
    const connection = await broker().connected();
    const { consumer, deliveries } = await consuming({}, connection);
    send('a');
    const before = await nth(deliveries, 1);
    connection.reconnect('wanted by a test');
    expect(consumer.state).toBe('opening');
    expect(before.ack()).toBe(false);
    expect((await nth(deliveries, 2)).ack()).toBe(true);
  });

  it('pauses with deliveries in hand, which can still be settled, and resumes', async () => {
    const { consumer, deliveries } = await consuming();
    send('a');
    const inHand = await nth(deliveries, 1);
    await consumer.pause();
    expect(consumer.state).toBe('paused');
    send('b');
    await until(async () => (await ready()) === 1);
    expect(inHand.ack()).toBe(true);
    await consumer.resume();
    expect(consumer.state).toBe('consuming');
    expect((await nth(deliveries, 2)).properties.messageId).toBe('b');
    expect(deliveries).toHaveLength(2);
  });

  it('ends a quick sequence of pauses and resumes as the last one says', async () => {
    const { consumer, deliveries } = await consuming({ consumerTag: 'the-same' });
    await Promise.all([consumer.pause(), consumer.resume(), consumer.pause(), consumer.resume()]);
    expect(consumer.state).toBe('consuming');
    send('a');
    await nth(deliveries, 1);
    await Promise.all([consumer.resume(), consumer.pause()]);
    expect(consumer.state).toBe('paused');
  });

  it('stays paused over a reconnect', async () => {
    const connection = await broker().connected();
    const { consumer, deliveries } = await consuming({}, connection);
    await consumer.pause();
    const back = once(connection.events, 'connected');
    broker().proxy.cut();
    await back;
    send('a');
    await until(async () => (await ready()) === 1);
    expect(consumer.state).toBe('paused');
    const consumingAgain = once(consumer.events, 'consuming');
    await consumer.resume();
    await consumingAgain;
    await nth(deliveries, 1);
  });

  it.each([5_000, 18_000])('survives headers nested %i deep, and hands them out as bytes', async (depth) => {
    const { consumer, deliveries } = await consuming();
    sendDeepHeaders(broker().admin, queue, Buffer.from('hostile'), depth);
    const hostile = await nth(deliveries, 1);
    expect(hostile.content.toString()).toBe('hostile');
    expect(Object.keys(hostile.properties)).toEqual(['headers']);
    const bytes = hostile.properties.headers?.[undecodableHeader];
    // Flags, then the table as it was sent.
    expect(bytes).toHaveLength(2 + 4 + 7 * depth);
    const parsed = parseMessage({
      body: hostile.content,
      addressedTo: 'summarize',
      properties: hostile.properties,
    });
    expect(parsed).toMatchObject({ kind: 'defect', defect: { field: 'headers' } });
    expect(hostile.ack()).toBe(true);
    send('harmless');
    expect((await nth(deliveries, 2)).redelivered).toBe(false);
    expect(consumer.dropped).toBe(0);
  });

  it('keeps what its handler failed on unsettled, and goes on with the rest', async () => {
    const deliveries: Delivery[] = [];
    const failures = [() => Promise.reject(new Error('later')), () => throwAtOnce()];
    const { consumer } = await consuming({
      onDelivery: (delivery) => {
        deliveries.push(delivery);
        return failures.shift()?.();
      },
    });
    send('a', 'b', 'c');
    expect((await nth(deliveries, 3)).ack()).toBe(true);
    expect([consumer.held, consumer.state]).toEqual([2, 'consuming']);
    await consumer.cancel();
    await until(async () => (await ready()) === 2);
  });

  it('gives back what is in hand when it is cancelled', async () => {
    const { consumer, deliveries } = await consuming();
    send('a');
    const inHand = await nth(deliveries, 1);
    await Promise.all([consumer.cancel(), consumer.cancel()]);
    expect(consumer.state).toBe('cancelled');
    expect(inHand.lost.aborted).toBe(true);
    expect(inHand.ack()).toBe(false);
    await until(async () => (await ready()) === 1);
    await consumer.resume();
    expect(consumer.state).toBe('cancelled');
  });

  it('is cancelled in bounded time on a connection that does not answer', async () => {
    const { consumer } = await consuming();
    broker().proxy.stall();
    await consumer.cancel();
    expect(consumer.state).toBe('cancelled');
  });

  it('is cancelled with its connection', async () => {
    const connection = await broker().connected();
    const { consumer, deliveries } = await consuming({}, connection);
    send('a');
    const inHand = await nth(deliveries, 1);
    await connection.close();
    expect(consumer.state).toBe('cancelled');
    expect(inHand.lost.aborted).toBe(true);
    expect(consume(connection, { queue, prefetch: 1, log, onDelivery: () => undefined }).state).toBe('cancelled');
  });

  it.each([0, -1, 1.5, 65_536])('refuses a prefetch of %d', async (prefetch) => {
    const connection = await broker().connected();
    expect(() => consume(connection, { queue, prefetch, log, onDelivery: () => undefined })).toThrow(/prefetch/);
  });
});

describe('consumer of a broker that is restarted', () => {
  let broker: PrivateBroker;
  let connection: BrokerConnection | undefined;

  beforeAll(async () => {
    broker = await startOwnBroker();
  }, 60_000);

  afterAll(async () => {
    await connection?.close();
    await broker.discard();
  });

  it('gets unsettled messages again, and no old delivery settles a new one', async () => {
    connection = await connectBroker({ urls: broker.amqpUrl, name: 'test', log, reconnect: quick });
    const direct = await connect(broker.amqpUrl);
    const admin = await direct.createConfirmChannel();
    await admin.assertQueue('work', { durable: true });
    admin.sendToQueue('work', Buffer.from('a'), { persistent: true });
    await admin.waitForConfirms();
    await direct.close();
    const deliveries: Delivery[] = [];
    const onDelivery = (delivery: Delivery) => {
      deliveries.push(delivery);
    };
    const consumer = consume(connection, { queue: 'work', prefetch: 1, log, reconnect: quick, onDelivery });
    await until(() => deliveries.length === 1);

    await broker.stop();
    await broker.start();
    await until(() => deliveries.length === 2);
    expect(deliveries[0]?.ack()).toBe(false);
    expect(deliveries[1]).toMatchObject({ redelivered: true, content: Buffer.from('a') });
    expect(deliveries[1]?.ack()).toBe(true);
    expect(consumer.state).toBe('consuming');
  }, 60_000);
});

function throwAtOnce(): never {
  throw new Error('at once');
}

/** The same connection, whose last opened channel can be got at. */
function spyOnChannel(connection: BrokerConnection): { channel: () => Channel; spied: BrokerConnection } {
  let last: Channel | undefined;
  const spied: BrokerConnection = {
    name: connection.name,
    events: connection.events,
    connected: connection.connected,
    blockedReason: undefined,
    openConfirmChannel: (owner) => connection.openConfirmChannel(owner),
    reconnect: (reason) => connection.reconnect(reason),
    close: () => connection.close(),
    openChannel: (owner) =>
      connection.openChannel({
        name: owner.name,
        onOpen: (channel) => {
          last = channel;
          return owner.onOpen(channel);
        },
        onLost: (loss) => owner.onLost(loss),
        onEnd: () => owner.onEnd(),
      }),
  };
  return {
    spied,
    channel: () => {
      if (last === undefined) throw new Error('no channel was opened');
      return last;
    },
  };
}
