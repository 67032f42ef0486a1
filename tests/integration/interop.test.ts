import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect } from '@jest/globals';
import type { Producer } from '@warren/producer';
import { workQueue } from '@warren/topology';
import { itWith } from './support/foreign-tools.js';
import { until } from './support/until.js';
import { takenIn, type WayIn, wayIn } from './support/way-in.js';

/**
 * The way in for every other language, from programs that know nothing of Warren: Debian's amqp-publish (amqp-tools)
 * and pika (python3-pika).
 */
const run = promisify(execFile);

let ground: WayIn;
let producer: Producer;

beforeEach(async () => {
  ground = await wayIn();
}, 60_000);
afterEach(() => ground.dispose(), 60_000);

const bodyOf = (id: string) =>
  JSON.stringify({ task_id: id, task_type: 'summarize', payload: { text: 'Rabbits dig. Warrens last.' } });

/** It is in the ledger, and its message is in the queue of its type. */
async function expectTakenIn(id: string): Promise<void> {
  await until(() => takenIn(producer) === 1);
  expect(await ground.task(id)).toMatchObject({ id, type: 'summarize', priority: 5, dispatch: 1 });
  const published = await ground.take(workQueue('summarize'));
  expect(published?.properties.messageId).toBe(id);
  expect(JSON.parse(String(published?.content))).toEqual(JSON.parse(bodyOf(id)));
  expect(await ground.letters()).toEqual([]);
}

/** Publishes with confirms and says what became of it; sys.argv: URL, body, reply_to. */
const pikaScript = `
import sys, pika
url, body, reply_to = sys.argv[1:4]
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.confirm_delivery()
properties = pika.BasicProperties(reply_to=reply_to, correlation_id='order-7') if reply_to else None
try:
    channel.basic_publish('submit', 'summarize', body, properties)
    print('confirmed')
except pika.exceptions.NackError:
    print('nacked')
connection.close()
`;

async function pika(body: string, replyTo = ''): Promise<string> {
  const { stdout } = await run('/usr/bin/python3', ['-c', pikaScript, ground.amqpUrl, body, replyTo]);
  return stdout.trim();
}

describe('the documented message alone', () => {
  beforeEach(async () => {
    producer = await ground.startProducer();
  });

  itWith('amqp-publish', "by Debian's amqp-publish", async () => {
    const id = randomUUID();
    await run('amqp-publish', [`--url=${ground.amqpUrl}`, '-e', 'submit', '-r', 'summarize', '-b', bodyOf(id)]);
    await expectTakenIn(id);
  });

  itWith('python3-pika', 'by pika', async () => {
    const id = randomUUID();
    expect(await pika(bodyOf(id))).toBe('confirmed');
    await expectTakenIn(id);
  });

  itWith('python3-pika', 'by pika, with a queue for the answer', async () => {
    const id = randomUUID();
    expect(await pika(bodyOf(id), 'answers')).toBe('confirmed');
    await until(() => takenIn(producer) === 1);
    expect(await ground.task(id)).toMatchObject({ replyTo: 'answers', correlationId: 'order-7' });
    const published = await ground.take(workQueue('summarize'));
    expect(published?.properties).toMatchObject({ replyTo: 'answers', correlationId: 'order-7' });
  });
});

describe('backpressure', () => {
  itWith('python3-pika', 'a full queue refuses what pika publishes', async () => {
    await ground.fillSubmitted(1, () => 'filler');
    expect(await pika(bodyOf(randomUUID()))).toBe('nacked');
  });
});
