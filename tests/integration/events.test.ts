import { once } from 'node:events';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createEventPublisher, listenEvents, maxEventBytes } from '@warren/broker';
import { exchangeNames } from '@warren/topology';
import { log, useProxiedBroker } from './support/proxied-broker.js';
import { until } from './support/until.js';

describe('events', () => {
  const broker = useProxiedBroker();

  beforeAll(async () => {
    await broker().admin.assertExchange(exchangeNames.events, 'topic');
  });

  const event = (routingKey: string, text = '{}') => ({ routingKey, body: Buffer.from(text) });

  it('reach those who listen for them, as long as they listen', async () => {
    const connection = await broker().connected();
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
    const connection = await broker().connected();
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
    broker().proxy.cut();
    await until(() => starts === 2);
    broker().admin.publish(exchangeNames.events, 'a.b.c', Buffer.from('{}'));
    broker().admin.publish(exchangeNames.events, 'a.b.d', Buffer.from('{}'));
    await until(() => heard.length === 2);
  });

  it('are dropped and counted, never waited for, where there is no room or no connection', async () => {
    const connection = await broker().connected();
    const publisher = createEventPublisher(connection, { log });
    await until(() => publisher.publish(event('a.b.c')));
    const before = publisher.dropped;
    expect(publisher.publish(event('a.b.large', 'x'.repeat(maxEventBytes + 1)))).toBe(false);
    expect(publisher.publish(event('k'.repeat(256)))).toBe(false);
    expect(publisher.dropped).toBe(before + 2);

    broker().proxy.stall();
    let taken = 0;
    while (publisher.publish(event('a.b.c', 'x'.repeat(10_000)))) taken += 1;
    expect(taken).toBeLessThan(10_000);

    const lost = once(connection.events, 'disconnected');
    broker().proxy.refuse();
    await lost;
    expect(publisher.publish(event('a.b.c'))).toBe(false);
    broker().proxy.restore();
    await until(() => publisher.publish(event('a.b.c')));
  });

  it('can not be listened to where there is no such exchange, and that is said in time', async () => {
    const connection = await broker().connected();
    await broker().admin.deleteExchange(exchangeNames.events);
    const options = { bindingKeys: ['#'], log, onEvent: () => undefined };
    await expect(listenEvents(connection, { ...options, timeoutMs: 200 })).rejects.toThrow(
      /NOT_FOUND.*apply the topology/,
    );
    const publisher = createEventPublisher(connection, { log });
    await until(() => publisher.publish(event('a.b.c')));
    await until(() => !publisher.publish(event('a.b.c')));
    await broker().admin.assertExchange(exchangeNames.events, 'topic');
    await listenEvents(connection, options);
    await until(() => publisher.publish(event('a.b.c')));
  });
});
