import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type BrokerConnection,
  connectBroker,
  createPublisher,
  type Publication,
  PublishError,
  type Publisher,
  type PublisherOptions,
} from '@warren/broker';
import type { PrivateBroker } from '@warren/local';
import { headers } from '@warren/tasks';
import { clearMemoryAlarm, raiseMemoryAlarm } from './support/alarm.js';
import { startOwnBroker } from './support/broker.js';
import { log, quick, useProxiedBroker } from './support/proxied-broker.js';
import { until } from './support/until.js';

describe('publisher', () => {
  const broker = useProxiedBroker();
  let queue: string;

  beforeEach(async () => {
    queue = `q-${randomUUID()}`;
    await broker().admin.assertQueue(queue);
  });

  async function publishing(
    options: PublisherOptions = {},
    heartbeatSeconds = 10,
  ): Promise<{ connection: BrokerConnection; publisher: Publisher }> {
    const connection = await broker().connected({ heartbeatSeconds });
    return { connection, publisher: createPublisher(connection, options) };
  }

  /** To the queue by the default exchange. */
  function publication(change: Partial<Publication> = {}, body = 'hello'): Publication {
    const properties = { messageId: randomUUID() };
    return { exchange: '', routingKey: queue, body: Buffer.from(body), properties, ...change };
  }

  async function bodies(): Promise<string[]> {
    const found: string[] = [];
    for (
      let got = await broker().admin.get(queue, { noAck: true });
      got;
      got = await broker().admin.get(queue, { noAck: true })
    ) {
      found.push(got.content.toString());
    }
    return found;
  }

  it('resolves once the message is in the queue, whole and persistent', async () => {
    const { publisher } = await publishing();
    const properties = {
      messageId: randomUUID(),
      type: 'summarize',
      contentType: 'application/json',
      priority: 8,
      expiration: 60_000,
      correlationId: 'c',
      replyTo: 'r',
      timestamp: 1_700_000_000,
      headers: { [headers.dispatch]: 3, nested: { list: ['a', 1, true, null] } },
    };
    await publisher.publish(publication({ properties }));
    const got = await broker().admin.get(queue, { noAck: true });
    expect(got).toMatchObject({ properties: { ...properties, expiration: '60000', deliveryMode: 2 } });
    expect(await bodies()).toEqual([]);
  });

  it('rejects with `nacked` when the queue refuses, and keeps its channel', async () => {
    const full = `full-${randomUUID()}`;
    await broker().admin.assertQueue(full, { maxLength: 1, overflow: 'reject-publish' });
    const { publisher } = await publishing();
    await publisher.publish(publication({ routingKey: full }));
    await expect(publisher.publish(publication({ routingKey: full }))).rejects.toMatchObject({
      name: 'PublishError',
      failure: { kind: 'nacked' },
    });
    await publisher.publish(publication());
    expect((await broker().admin.checkQueue(full)).messageCount).toBe(1);
  });

  it('rejects with `unroutable` what is mandatory and goes nowhere, and only that', async () => {
    const { publisher } = await publishing();
    const lost = publication({ routingKey: 'nowhere', mandatory: true });
    const results = await Promise.allSettled([
      publisher.publish(publication({ mandatory: true })),
      publisher.publish(lost),
      publisher.publish({ ...lost, mandatory: false }),
      publisher.publish({ ...lost, routingKey: queue }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { failure: { kind: 'unroutable' } } });
  });

  it('tells the copies of one message apart', async () => {
    await broker().admin.assertExchange('by-copy', 'headers', { autoDelete: false });
    await broker().admin.bindQueue(queue, 'by-copy', '', { 'x-match': 'any', routed: true });
    const { publisher } = await publishing();
    const copy = (name: string, routed: boolean) => {
      const properties = { messageId: 'the-same', headers: { [headers.copy]: name, routed } };
      return publisher.publish(publication({ exchange: 'by-copy', mandatory: true, properties }));
    };
    const results = await Promise.allSettled([copy('a', true), copy('b', false), copy('c', true)]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('lets no invalid message near the channel', async () => {
    const { publisher } = await publishing({ maxBodyBytes: 100 });
    const messageId = randomUUID();
    const steady = publisher.publish(publication());
    const kindOf = (change: Partial<Publication>) =>
      publisher
        .publish(publication(change))
        .catch((error) => [error.failure.kind, error.failure.field ?? error.failure.part]);
    const kinds = await Promise.all([
      kindOf({ properties: { messageId, headers: { a: 'x'.repeat(33 * 1024) } } }),
      kindOf({ properties: { messageId, headers: { a: 'x'.repeat(1024 * 1024) } } }),
      kindOf({ body: Buffer.alloc(101) }),
      kindOf({ properties: { messageId, headers: { CC: 'elsewhere' } } }),
      kindOf({ properties: { messageId, expiration: '1.5' } }),
      kindOf({ properties: { messageId, expiration: 2 ** 32 } }),
      kindOf({ properties: { messageId, priority: 256 } }),
      kindOf({ properties: { messageId, headers: { ['k'.repeat(256)]: 1 } } }),
      kindOf({ properties: { messageId, headers: { a: { '!': 'no-such-type', value: 1 } } } }),
      kindOf({ properties: { messageId: 'm'.repeat(256) } }),
      kindOf({ routingKey: 'k'.repeat(256) }),
    ]);
    await steady;
    expect(kinds).toEqual([
      ['too-large', 'headers'],
      ['too-large', 'headers'],
      ['too-large', 'body'],
      ['invalid', 'header "CC"'],
      ['invalid', 'expiration'],
      ['invalid', 'expiration'],
      ['invalid', 'priority'],
      ['invalid', 'message'],
      ['invalid', 'message'],
      ['invalid', 'messageId'],
      ['invalid', 'routing key'],
    ]);
    expect(await bodies()).toEqual(['hello']);
  });

  it('fails what was under way when the broker closes the channel, and goes on with another', async () => {
    const { publisher } = await publishing();
    await expect(publisher.publish(publication({ exchange: 'no-such-exchange' }))).rejects.toMatchObject({
      failure: { kind: 'channel-lost', code: 404 },
    });
    await publisher.publish(publication());
    expect(await bodies()).toEqual(['hello']);
  });

  it('fails what was unconfirmed when the connection is cut, and keeps what had not been sent', async () => {
    const { publisher } = await publishing({ maxInFlight: 1 });
    await publisher.publish(publication());
    broker().proxy.stall();
    const sent = publisher.publish(publication());
    const waiting = publisher.publish(publication({}, 'waited'));
    const refused = expect(sent).rejects.toMatchObject({ failure: { kind: 'connection-lost' } });
    broker().proxy.cut();
    await refused;
    broker().proxy.restore();
    await waiting;
    expect(await bodies()).toContain('waited');
  });

  it('sends no more than its places allow, and the rest in order', async () => {
    const { publisher } = await publishing({ maxInFlight: 3, maxWaiting: 5 });
    await publisher.publish(publication({}, 'first'));
    broker().proxy.stall();
    const texts = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const all = Promise.all(texts.map((text) => publisher.publish(publication({}, text))));
    expect([publisher.inFlight, publisher.waiting]).toEqual([3, 5]);
    await expect(publisher.publish(publication())).rejects.toMatchObject({
      failure: { kind: 'overloaded', waiting: 5 },
    });
    broker().proxy.restore();
    await all;
    expect(await bodies()).toEqual(['first', ...texts]);
    expect([publisher.inFlight, publisher.waiting]).toEqual([0, 0]);
  });

  it('counts bytes as well, and lets one large message through alone', async () => {
    const { publisher } = await publishing({ maxInFlightBytes: 10 });
    await publisher.publish(publication());
    broker().proxy.stall();
    const sizes = [20, 4, 4, 4];
    const all = Promise.all(sizes.map((size) => publisher.publish(publication({ body: Buffer.alloc(size) }))));
    expect([publisher.inFlight, publisher.waiting]).toEqual([1, 3]);
    broker().proxy.restore();
    await all;
  });

  it('says what it waited for when time is up, and frees its places for later ones', async () => {
    const { publisher } = await publishing({ maxInFlight: 1, timeoutMs: 150 }, 0);
    await publisher.publish(publication({}, 'before'));
    broker().proxy.stall();
    const failures = await Promise.all(
      ['sent', 'waiting'].map((text) => publisher.publish(publication({}, text)).catch((error) => error.failure)),
    );
    expect(failures).toEqual([
      { kind: 'timed-out', waitedFor: 'confirm', timeoutMs: 150 },
      { kind: 'timed-out', waitedFor: 'channel', timeoutMs: 150 },
    ]);
    // Its only place was held by a publish whose confirm did not come: the channel was given up for another.
    await expect(publisher.publish(publication())).rejects.toMatchObject({ failure: { waitedFor: 'channel' } });
    broker().proxy.restore();
    await until(() =>
      publisher.publish(publication({}, 'after')).then(
        () => true,
        () => false,
      ),
    );
    expect(await bodies()).toEqual(expect.arrayContaining(['before', 'after']));
  });

  it('frees its bytes for a later one as well', async () => {
    const { publisher } = await publishing({ maxInFlightBytes: 10, timeoutMs: 150 }, 0);
    await publisher.publish(publication());
    broker().proxy.stall();
    const outcome = (size: number) =>
      publisher.publish(publication({ body: Buffer.alloc(size) })).catch((error) => error.failure.waitedFor);
    expect(await outcome(8)).toBe('confirm');
    expect(await outcome(8)).toBe('place');
    expect(publisher.inFlight).toBe(0);
  });

  it('waits for a connection, but not for ever', async () => {
    const { connection, publisher } = await publishing({ timeoutMs: 200 });
    const lost = once(connection.events, 'disconnected');
    broker().proxy.refuse();
    await lost;
    await expect(publisher.publish(publication())).rejects.toMatchObject({
      failure: { kind: 'timed-out', waitedFor: 'connection', timeoutMs: 200 },
    });
    const patient = createPublisher(connection).publish(publication({}, 'patient'));
    broker().proxy.restore();
    await patient;
    expect(await bodies()).toEqual(['patient']);
  });

  it('closes when everything under way is settled, and takes nothing more', async () => {
    const { publisher } = await publishing();
    const all = Promise.all([1, 2, 3].map(() => publisher.publish(publication())));
    const closed = Promise.all([publisher.close(), publisher.close()]);
    await expect(publisher.publish(publication())).rejects.toMatchObject({ failure: { kind: 'closed' } });
    await Promise.all([all, closed]);
    expect(await bodies()).toHaveLength(3);
  });

  it('closes in bounded time when no confirm comes', async () => {
    const { publisher } = await publishing({ timeoutMs: 150 }, 0);
    await publisher.publish(publication());
    broker().proxy.stall();
    const unconfirmed = expect(publisher.publish(publication())).rejects.toMatchObject({
      failure: { kind: 'timed-out' },
    });
    await publisher.close();
    await unconfirmed;
  });

  it('fails everything when the connection is closed', async () => {
    const { connection, publisher } = await publishing({ maxInFlight: 1 });
    await publisher.publish(publication());
    broker().proxy.stall();
    const outcomes = ['sent', 'waiting'].map((text) =>
      expect(publisher.publish(publication({}, text))).rejects.toMatchObject({ failure: { kind: 'closed' } }),
    );
    await Promise.all([connection.close(), ...outcomes]);
    await expect(publisher.publish(publication())).rejects.toMatchObject({ failure: { kind: 'closed' } });
  });

  it('loses nothing that it said was published, through cut after cut', async () => {
    const { connection, publisher } = await publishing({ maxInFlight: 200, timeoutMs: 60_000 });
    const confirmed = new Set<string>();
    const failures: string[] = [];
    let cuts = 0;
    const cutting = async () => {
      while (confirmed.size < 9_000) {
        const before = confirmed.size;
        await until(() => confirmed.size > before + 300);
        const back = once(connection.events, 'connected');
        broker().proxy.cut();
        cuts += 1;
        await back;
      }
    };
    const publishAll = async () => {
      for (let sent = 0; confirmed.size < 10_000; sent += 500) {
        const batch = Array.from({ length: 500 }, (_, index) => String(sent + index));
        const settle = async (text: string) => {
          try {
            await publisher.publish(publication({}, text));
            confirmed.add(text);
          } catch (error) {
            failures.push(kindOf(error));
          }
        };
        await Promise.all(batch.map(settle));
      }
    };
    await Promise.all([publishAll(), cutting()]);
    const stored = new Set(await bodies());
    expect([...confirmed].filter((text) => !stored.has(text))).toEqual([]);
    expect(confirmed.size).toBeGreaterThanOrEqual(10_000);
    expect(cuts).toBeGreaterThan(3);
    expect(failures.length).toBeGreaterThan(0);
    expect(new Set(failures)).toEqual(new Set(['connection-lost']));
  }, 60_000);
});

describe('publisher on a broker with a memory alarm', () => {
  let broker: PrivateBroker;
  let connection: BrokerConnection | undefined;

  beforeAll(async () => {
    broker = await startOwnBroker();
  }, 60_000);

  afterAll(async () => {
    await connection?.close();
    await broker.discard();
  });

  it('waits while publishers are blocked, and names that when time is up', async () => {
    connection = await connectBroker({ urls: broker.amqpUrl, name: 'test', log, reconnect: quick });
    const publisher = createPublisher(connection, { timeoutMs: 500 });
    const patient = createPublisher(connection, { timeoutMs: 60_000 });
    const publication = {
      exchange: 'amq.fanout',
      routingKey: '',
      body: Buffer.from('x'),
      properties: { messageId: 'm' },
    };
    await publisher.publish(publication);

    const blocked = once(connection.events, 'blocked');
    await raiseMemoryAlarm(broker);
    // RabbitMQ tells a connection that it is blocked when it next publishes.
    await expect(publisher.publish(publication)).rejects.toMatchObject({ failure: { kind: 'blocked' } });
    expect(await blocked).toEqual([{ reason: expect.stringContaining('memory') }]);
    expect(connection.blockedReason).toContain('memory');
    await expect(publisher.publish(publication)).rejects.toThrow(/has blocked publishers.*memory/);
    const waiting = patient.publish(publication);
    expect([patient.inFlight, patient.waiting]).toEqual([0, 1]);

    const unblocked = once(connection.events, 'unblocked');
    await clearMemoryAlarm(broker);
    await unblocked;
    await waiting;
    await publisher.publish(publication);
  }, 60_000);
});

function kindOf(error: unknown): string {
  if (error instanceof PublishError) return error.failure.kind;
  throw error;
}
