import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type BrokerConnection,
  connectBroker,
  createEventPublisher,
  listenEvents,
  maxEventBytes,
} from '@warren/broker';
import { exchangeNames } from '@warren/topology';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { pino } from 'pino';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { TcpProxy } from './support/proxy.js';
import { until } from './support/until.js';

const log = pino({ level: 'silent' });
const quick = { baseMs: 20, maxMs: 100 };

describe('events', () => {
  let vhost: FreshVhost;
  let proxy: TcpProxy;
  let direct: ChannelModel;
  let admin: Channel;
  const open: BrokerConnection[] = [];

  beforeAll(async () => {
    vhost = await freshVhost();
    const { hostname, port } = new URL(vhost.amqpUrl);
    proxy = await TcpProxy.start({ host: hostname, port: Number(port) });
    direct = await connect(vhost.amqpUrl);
    admin = await direct.createChannel();
    await admin.assertExchange(exchangeNames.events, 'topic');
  });

  afterEach(async () => {
    proxy.restore();
    await Promise.all(open.splice(0).map((connection) => connection.close()));
  });

  afterAll(async () => {
    await direct.close();
    await proxy.stop();
    await vhost.dispose();
  });

  async function connected(): Promise<BrokerConnection> {
    const urls = proxy.through(vhost.amqpUrl);
    const connection = await connectBroker({ urls, name: 'test', log, reconnect: quick, closeGraceMs: 200 });
    open.push(connection);
    return connection;
  }

  const event = (routingKey: string, text = '{}') => ({ routingKey, body: Buffer.from(text) });

  it('reach those who listen for them, as long as they listen', async () => {
    const connection = await connected();
    const heard: string[] = [];
    const listener = await listenEvents(connection, {
      bindingKeys: ['summarize.1.*', 'research.#'],
      log,
      onEvent: ({ routingKey, body }) => heard.push(`${routingKey} ${body}`),
    });
    const publisher = createEventPublisher(connection, { log });
    await until(() => publisher.publish(event('summarize.1.progress', '"first"')));
    publisher.publish(event('summarize.2.progress'));
    publisher.publish(event('research.9.completed', '"last"'));
    await until(() => heard.length >= 2);
    expect(heard).toEqual(['summarize.1.progress "first"', 'research.9.completed "last"']);
    await listener.close();
    await publisher.close();
    expect(publisher.publish(event('research.9.completed'))).toBe(false);
  });

  it('are told to a listener again after a reconnect, which it is told of', async () => {
    const connection = await connected();
    let starts = 0;
    const heard: string[] = [];
    await listenEvents(connection, {
      bindingKeys: ['#'],
      log,
      onListening: () => {
        starts += 1;
      },
      onEvent: ({ routingKey }) => {
        heard.push(routingKey);
        throw new Error('a broken listener');
      },
    });
    expect(starts).toBe(1);
    proxy.cut();
    await until(() => starts === 2);
    admin.publish(exchangeNames.events, 'a.b.c', Buffer.from('{}'));
    admin.publish(exchangeNames.events, 'a.b.d', Buffer.from('{}'));
    await until(() => heard.length === 2);
  });

  it('are dropped and counted, never waited for, where there is no room or no connection', async () => {
    const connection = await connected();
    const publisher = createEventPublisher(connection, { log });
    await until(() => publisher.publish(event('a.b.c')));
    const before = publisher.dropped;
    expect(publisher.publish(event('a.b.large', 'x'.repeat(maxEventBytes + 1)))).toBe(false);
    expect(publisher.publish(event('k'.repeat(256)))).toBe(false);
    expect(publisher.dropped).toBe(before + 2);

    proxy.stall();
    let taken = 0;
    while (publisher.publish(event('a.b.c', 'x'.repeat(10_000)))) taken += 1;
    expect(taken).toBeLessThan(10_000);

    const lost = once(connection.events, 'disconnected');
    proxy.refuse();
    await lost;
    expect(publisher.publish(event('a.b.c'))).toBe(false);
    proxy.restore();
    await until(() => publisher.publish(event('a.b.c')));
  });

  it('can not be listened to where there is no such exchange, and that is said in time', async () => {
    const connection = await connected();
    await admin.deleteExchange(exchangeNames.events);
    const options = { bindingKeys: ['#'], log, onEvent: () => undefined };
    await expect(listenEvents(connection, { ...options, timeoutMs: 200 })).rejects.toThrow(
      /NOT_FOUND.*apply the topology/,
    );
    const publisher = createEventPublisher(connection, { log });
    await until(() => publisher.publish(event('a.b.c')));
    await until(() => !publisher.publish(event('a.b.c')));
    await admin.assertExchange(exchangeNames.events, 'topic');
    await listenEvents(connection, options);
    await until(() => publisher.publish(event('a.b.c')));
  });
});
