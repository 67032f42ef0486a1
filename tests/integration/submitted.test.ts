import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Producer } from '@warren/producer';
import { headers, type ReasonCode } from '@warren/tasks';
import { exchangeNames, workQueue } from '@warren/topology';
import Libsql from 'libsql';
import { confirm } from './support/ledger.js';
import { freshDatabase } from './support/postgres.js';
import { TcpProxy } from './support/proxy.js';
import { until } from './support/until.js';
import { type Foreign, submittedQueue, takenIn, type WayIn, wayIn } from './support/way-in.js';

let ground: WayIn;

beforeEach(async () => {
  ground = await wayIn();
}, 60_000);
afterEach(() => ground.dispose(), 60_000);

const summarizeQueue = workQueue('summarize');
const payload = { text: 'Rabbits dig. Warrens last.' };
const message = (id: string, change: object = {}) => ({ task_id: id, task_type: 'summarize', payload, ...change });

/** Publishes, and waits until the producer is done with it. */
async function send(producer: Producer, foreign: Foreign): Promise<void> {
  const before = takenIn(producer);
  expect(await ground.publish(foreign)).toBe(true);
  await until(() => takenIn(producer) > before);
  await until(async () => (await ground.depth(submittedQueue)).ready === 0);
}

describe('a message of the documented form', () => {
  it('becomes a task, and is published to the queue of its type', async () => {
    const producer = await ground.startProducer();
    const id = randomUUID();
    await send(producer, { body: message(id) });

    expect(await ground.task(id)).toMatchObject({
      id,
      type: 'summarize',
      priority: 5,
      dispatch: 1,
      attempt: 1,
      tenant: '',
    });
    const published = await ground.take(summarizeQueue);
    expect(JSON.parse(String(published?.content))).toEqual(message(id));
    expect(published?.fields).toMatchObject({ exchange: exchangeNames.tasks, routingKey: 'summarize.normal' });
    expect(published?.properties).toMatchObject({ messageId: id, priority: 5, contentType: 'application/json' });
    expect(await ground.depth(summarizeQueue)).toMatchObject({ ready: 0 });
    expect(producer.counts).toEqual({ accepted: 1, duplicates: 0, parked: 0 });
  });

  it('may say how it is to be treated', async () => {
    const producer = await ground.startProducer();
    const id = randomUUID().toUpperCase();
    const deadline = new Date(Date.now() + 3_600_000);
    await send(producer, {
      body: message(id),
      key: 'summarize.whatever',
      properties: {
        messageId: id,
        priority: 9,
        expiration: '60000',
        correlationId: 'order-7',
        replyTo: 'answers',
        contentType: 'application/json',
        headers: {
          [headers.idempotencyKey]: 'k1',
          [headers.tenant]: 'acme',
          [headers.group]: 'night',
          [headers.deadline]: deadline.toISOString(),
          [headers.entities]: ['a', 'b'],
        },
      },
    });
    expect(await ground.task(id.toLowerCase())).toMatchObject({
      priority: 9,
      expiresMs: 60_000,
      correlationId: 'order-7',
      replyTo: 'answers',
      idempotencyKey: 'k1',
      tenant: 'acme',
      group: 'night',
      deadlineAt: deadline.getTime(),
      entities: ['a', 'b'],
    });
    const published = await ground.take(summarizeQueue);
    expect(published?.fields.routingKey).toBe('summarize.high');
    expect(published?.properties).toMatchObject({ replyTo: 'answers', correlationId: 'order-7' });
  });

  it('again is a duplicate: counted, acknowledged, not published again', async () => {
    const producer = await ground.startProducer();
    const id = randomUUID();
    await send(producer, { body: message(id) });
    // Other white space and order of keys, the same content.
    await send(producer, { body: JSON.stringify({ payload, task_type: 'summarize', task_id: id }, undefined, 2) });

    expect(producer.counts).toEqual({ accepted: 1, duplicates: 1, parked: 0 });
    expect(await ground.task(id)).toMatchObject({ duplicates: 1, dispatch: 1 });
    expect(await ground.depth(summarizeQueue)).toMatchObject({ ready: 1 });
    expect(await ground.letters()).toEqual([]);
  });

  it('starts at the beginning, whatever a stranger writes into our headers', async () => {
    const producer = await ground.startProducer();
    const id = randomUUID();
    await send(producer, {
      body: message(id),
      properties: {
        headers: {
          [headers.dispatch]: 7,
          [headers.attempt]: 5,
          [headers.copy]: 'theirs',
          'x-death': [{ count: 9, queue: summarizeQueue, reason: 'rejected' }],
          'x-delivery-count': 40,
          'x-delay': 3_600_000,
        },
      },
    });
    expect(await ground.task(id)).toMatchObject({ dispatch: 1, attempt: 1 });
    const given = (await ground.take(summarizeQueue))?.properties.headers ?? {};
    expect(given).toMatchObject({ [headers.dispatch]: 1, [headers.attempt]: 1 });
    expect(given[headers.copy]).not.toBe('theirs');
    for (const name of ['x-death', 'x-delivery-count', 'x-delay']) expect(given).not.toHaveProperty(name);
  });

  it('needs no type in its key when it is published straight to the queue', async () => {
    const producer = await ground.startProducer();
    const id = randomUUID();
    ground.channel.sendToQueue(submittedQueue, Buffer.from(JSON.stringify(message(id))));
    await until(() => takenIn(producer) === 1);
    expect(await ground.task(id)).toMatchObject({ type: 'summarize' });
  });
});

describe('a message that is no task', () => {
  const id = randomUUID();
  const cases: readonly [string, ReasonCode, RegExp, Foreign][] = [
    ['not JSON', 'malformed', /body: is not JSON/, { body: '{"task_id":' }],
    ['empty', 'malformed', /body: is empty/, { body: '' }],
    ['not UTF-8', 'malformed', /body: is not UTF-8/, { body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) }],
    ['not an object', 'malformed', /body/, { body: '[1]' }],
    ['without an id', 'malformed', /task_id/, { body: { task_type: 'summarize', payload } }],
    ['with an id that is none', 'malformed', /task_id/, { body: message('42') }],
    ['without a payload', 'malformed', /payload/, { body: { task_id: id, task_type: 'summarize' } }],
    [
      'of an unknown type',
      'unsupported-action',
      /task_type: no task type "dig"/,
      { body: message(id, { task_type: 'dig' }), key: 'dig' },
    ],
    ['of another type than its key', 'conflict', /task_type/, { body: message(id), key: 'research' }],
    [
      'of another id than its property',
      'conflict',
      /message_id/,
      { body: message(id), properties: { messageId: randomUUID() } },
    ],
    [
      'against its schema',
      'invalid-input',
      /payload\.length/,
      { body: message(id, { payload: { ...payload, length: 99 } }) },
    ],
    [
      'with an unknown field',
      'invalid-input',
      /payload/,
      { body: message(id, { payload: { ...payload, lenght: 3 } }) },
    ],
    [
      'nested beyond every stack',
      'malformed',
      /payload: is nested deeper than 100 levels/,
      {
        body: `{"task_id":"${id}","task_type":"summarize","payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      },
    ],
    [
      'too large',
      'policy-violation',
      /body: \d+ bytes/,
      { body: message(id, { payload: { text: 'x'.repeat(1024 * 1024) } }) },
    ],
    [
      'of another content type',
      'malformed',
      /content_type/,
      { body: message(id), properties: { contentType: 'text/xml' } },
    ],
    [
      'of another encoding',
      'malformed',
      /content_encoding/,
      { body: message(id), properties: { contentEncoding: 'gzip' } },
    ],
    [
      'with too large headers',
      'policy-violation',
      /headers/,
      { body: message(id), properties: { headers: { x: 'y'.repeat(40_000) } } },
    ],
    [
      'with headers of the wrong kind',
      'malformed',
      /tenant/,
      { body: message(id), properties: { headers: { [headers.tenant]: { a: [1] } } } },
    ],
    [
      'whose reply would go to a queue of ours',
      'invalid-input',
      /reply_to: "submitted" is a queue of Warren's/,
      { body: message(id), properties: { replyTo: submittedQueue } },
    ],
    ['with a priority there is not', 'malformed', /priority/, { body: message(id), properties: { priority: 77 } }],
  ];

  it('is parked whole with its code and its field, and the ones after it are taken in', async () => {
    const producer = await ground.startProducer();
    for (const [name, code, reason, foreign] of cases) {
      await send(producer, foreign);
      const [letter] = await ground.letters();
      expect({ name, code: letter?.code, state: letter?.state }).toEqual({ name, code, state: 'parked' });
      expect(letter?.reason).toMatch(reason);
      const body =
        Buffer.isBuffer(foreign.body) || typeof foreign.body === 'string' ? foreign.body : JSON.stringify(foreign.body);
      expect(letter?.body.equals(Buffer.from(body))).toBe(true);
      expect(letter).toMatchObject({
        sourceQueue: submittedQueue,
        routingKey: foreign.key ?? 'summarize',
        taskId: null,
      });
    }
    const ofItself = (await ground.letters()).filter(({ code }) => code === 'conflict');
    expect(ofItself.map(({ advice }) => advice)).toEqual(Array(2).fill(expect.stringContaining('contradicts itself')));
    expect(await ground.task(id)).toBeUndefined();
    expect(await ground.depth(summarizeQueue)).toMatchObject({ ready: 0 });

    const good = randomUUID();
    await send(producer, { body: message(good) });
    expect(await ground.task(good)).toMatchObject({ type: 'summarize' });
    expect(producer.counts).toEqual({ accepted: 1, duplicates: 0, parked: cases.length });
  }, 60_000);

  it('the same id or the same key with another body is a conflict, and leaves the task as it is', async () => {
    const producer = await ground.startProducer();
    const first = randomUUID();
    const key = { headers: { [headers.idempotencyKey]: 'k' } };
    await send(producer, { body: message(first), properties: key });
    const other = { payload: { text: 'Foxes wait.' } };
    await send(producer, { body: message(first, other) });
    await send(producer, { body: message(randomUUID(), other), properties: key });

    const letters = await ground.letters();
    expect(letters.map(({ code }) => code)).toEqual(['conflict', 'conflict']);
    expect(letters.map(({ advice }) => advice)).toEqual(Array(2).fill(expect.stringContaining('Two submissions')));
    expect(letters.map(({ reason }) => reason.split(':')[0]).sort()).toEqual(['idempotency_key', 'task_id']);
    expect(await ground.task(first)).toMatchObject({ dispatch: 1, duplicates: 0 });
    expect(await ground.depth(summarizeQueue)).toMatchObject({ ready: 1 });
  });

  it('the same message again is the same letter', async () => {
    const producer = await ground.startProducer();
    for (const _time of [1, 2]) await send(producer, { body: 'nonsense' });
    const letters = await ground.letters();
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({ timesSeen: 2 });
  });
});

describe('when the outbox is full', () => {
  /** Two tasks are on record and can't be published, and the third one finds no room. */
  async function fillOutbox(): Promise<{ producer: Producer; ids: readonly [string, string, string] }> {
    const producer = await ground.startProducer({ outboxLimit: 2 });
    await ground.channel.deleteExchange(exchangeNames.tasks);
    const ids = [randomUUID(), randomUUID(), randomUUID()] as const;
    for (const id of ids.slice(0, 2)) {
      await ground.publish({ body: message(id) });
      await until(async () => (await ground.task(id)) !== undefined && producer.counts.accepted > 0);
    }
    await until(() => producer.counts.accepted === 2);
    await ground.publish({ body: message(ids[2]) });
    await until(async () => (await ground.depth(submittedQueue)).consumers === 0);
    return { producer, ids };
  }

  it('holds what came and takes in no more, until there is room', async () => {
    const { producer, ids } = await fillOutbox();
    const late = randomUUID();
    await ground.publish({ body: message(late) });
    expect(await ground.depth(submittedQueue)).toEqual({ ready: 1, consumers: 0 });
    expect(await ground.task(ids[2])).toBeUndefined();

    await ground.applyTopology();
    for (const id of ids.slice(0, 2)) await confirm(ground.ledger, id, Date.now());
    await until(() => producer.counts.accepted === 4);
    expect(await ground.task(late)).toMatchObject({ duplicates: 0 });
    await until(async () => (await ground.depth(submittedQueue)).consumers === 1);
    expect(await ground.depth(summarizeQueue)).toMatchObject({ ready: 2 });
  }, 60_000);

  it('a full queue tells its publishers by a nack', async () => {
    await fillOutbox();
    const confirmed = await ground.fillSubmitted(2, () => message(randomUUID()));
    expect(await ground.publish({ body: message(randomUUID()) })).toBe(false);
    expect(confirmed).toBeGreaterThanOrEqual(2);
    expect(await ground.depth(submittedQueue)).toEqual({ ready: confirmed, consumers: 0 });
  }, 60_000);

  it('a stop gives back what has found no room', async () => {
    const { producer, ids } = await fillOutbox();
    await producer.stop();
    expect(await ground.depth(submittedQueue)).toEqual({ ready: 1, consumers: 0 });
    expect(JSON.parse(String((await ground.take(submittedQueue))?.content))).toEqual(message(ids[2]));
  }, 60_000);
});

describe('an error that nobody foresaw', () => {
  it('takes up no place for good: the message goes back, and is taken in once the trouble is over', async () => {
    const producer = await ground.startProducer({ prefetch: 1 });
    const database = new Libsql(ground.ledgerUrl);
    const ids = [randomUUID(), randomUUID()];
    database.exec('alter table inputs rename to inputs_away');
    for (const id of ids) expect(await ground.publish({ body: message(id) })).toBe(true);
    await until(async () => (await ground.depth(submittedQueue)).ready === 1);
    database.exec('alter table inputs_away rename to inputs');
    database.close();

    await until(() => producer.counts.accepted === 2);
    await until(async () => (await ground.depth(summarizeQueue)).ready === 2);
    expect(await ground.depth(submittedQueue)).toEqual({ ready: 0, consumers: 1 });
    expect(await ground.letters()).toEqual([]);
  }, 60_000);
});

describe('when the ledger is away', () => {
  it('nothing is taken in or sent round, and everything is when it is back; what was recorded before its ack is one task', async () => {
    const database = await freshDatabase();
    const databaseProxy = await TcpProxy.to(database.url);
    const brokerProxy = await TcpProxy.to(ground.amqpUrl);
    const other = await wayIn({ ledgerUrl: database.url });
    const producer = await other.startProducer({
      ledgerUrl: databaseProxy.through(database.url),
      amqpUrl: brokerProxy.through(other.amqpUrl),
      prefetch: 2,
    });
    try {
      const ids = Array.from({ length: 6 }, () => randomUUID());
      databaseProxy.refuse();
      for (const id of ids) expect(await other.publish({ body: message(id) })).toBe(true);
      await until(async () => (await other.depth(submittedQueue)).consumers === 0);
      // Two are in hand, as the prefetch says; the others wait where they are.
      expect(await other.depth(submittedQueue)).toEqual({ ready: 4, consumers: 0 });

      // The broker takes back what is in hand; the producer still holds the two, and will record them.
      brokerProxy.cut();
      await until(async () => (await other.depth(submittedQueue)).ready === 6);
      databaseProxy.restore();
      await until(async () => (await other.ledger.queries.count()).queued === 6);
      await until(() => producer.counts.accepted === 6);
      await until(async () => (await other.depth(submittedQueue)).ready === 0);
      const tasks = await Promise.all(ids.map((id) => other.task(id)));
      expect(tasks.map((task) => task?.dispatch)).toEqual(ids.map(() => 1));
      expect(await other.depth(summarizeQueue)).toMatchObject({ ready: 6 });
      expect(await other.letters()).toEqual([]);
    } finally {
      await other.dispose();
      await Promise.all([databaseProxy.stop(), brokerProxy.stop()]);
      await database.dispose();
    }
  }, 120_000);
});

describe('the start', () => {
  it('finds no queue: says what to do', async () => {
    await ground.channel.deleteQueue(submittedQueue);
    await expect(ground.startProducer({}, 200)).rejects.toThrow(
      /queue "submitted" could not be consumed.*warren topology apply/,
    );
  }, 60_000);
});
