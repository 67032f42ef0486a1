import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { consume, type Delivery, type Publisher } from '@warren/broker';
import { createOperations, type Operations, type OperationsParts, parkRaw } from '@warren/dead-letters';
import type { Ledger, Letter } from '@warren/ledger';
import { headers } from '@warren/tasks';
import { exchangeNames, queueNames } from '@warren/topology';
import { pino } from 'pino';
import { claim, type LettersGround, lettersGround, probe } from './support/letters.js';
import { until } from './support/until.js';

let ground: LettersGround;

beforeEach(async () => {
  ground = await lettersGround();
}, 60_000);

afterEach(async () => {
  await ground.dispose();
}, 60_000);

const timeout = { code: 'timeout', message: 'no answer' } as const;

describe('a person', () => {
  it('replays a parked task: a new allowance of attempts, its history kept', async () => {
    await ground.startProcessor();
    const task = await ground.submit();
    await ground.failNext({ code: 'not-found', message: 'gone' });
    await ground.untilLetter(task.id, 'parked');
    expect(await ground.operations.replay(task.id)).toEqual({ kind: 'done' });
    expect(await ground.letter(task.id)).toMatchObject({ state: 'replayed' });
    for (let attempt = 2; attempt <= 4; attempt++) await ground.failNext(timeout);
    const letter = await ground.untilLetter(task.id, 'parked');
    expect(letter).toMatchObject({ code: 'exhausted', reason: expect.stringContaining('attempt 3 of 3') });
    expect((await ground.operations.show(letter.id))?.runs).toHaveLength(4);
    expect(await ground.operations.replay(randomUUID())).toMatchObject({ kind: 'refused' });
  }, 30_000);

  it('replays a message that is no task as it came', async () => {
    await ground.startProcessor();
    const body = Buffer.from('{"task_type":"probe","payload":{}} ');
    const given = { 'x-tenant': 'acme', bytes: Buffer.from([0, 1]), [headers.dispatch]: 9, 'x-death': [] };
    await ground.publishByHand(exchangeNames.dead, 'probe.normal', body, {
      headers: given,
      correlationId: 'c',
      priority: 3,
    });
    await until(async () => (await ground.rawLetters())[0]?.state === 'parked');
    const [letter] = await ground.rawLetters();
    const arrived = await submissions();
    expect(await ground.operations.replay(letter?.id ?? '')).toEqual({ kind: 'done' });
    const { content, properties, routingKey } = await arrived.next();
    expect(content.equals(body)).toBe(true);
    expect(routingKey).toBe('probe');
    expect(properties).toMatchObject({ correlationId: 'c', priority: 3 });
    expect(properties.headers).toEqual({ 'x-tenant': 'acme', bytes: Buffer.from([0, 1]) });
    expect(await ground.letter(letter?.id ?? '')).toMatchObject({ state: 'replayed' });
    expect(await ground.operations.replay(letter?.id ?? '')).toMatchObject({ kind: 'refused' });
    await arrived.stop();
  }, 30_000);

  it('finds a replayed message that came back at once still parked, and is told why', async () => {
    const letter = await rejectedSubmission(Buffer.from('{"task_type":"probe","payload":{}} '));
    const arrived = await submissions();
    const cameBack: Pick<Publisher, 'publish'> = {
      publish: async (publication) => {
        await ground.publisher.publish(publication);
        await refuse(await arrived.next(), 'payload: it is empty');
      },
    };
    const replay = () => operationsWith({ publisher: cameBack }).replay(letter.id);
    const why = 'it was submitted again and came back, malformed: payload: it is empty';
    expect(await replay()).toEqual({ kind: 'refused', why });
    const parked = { state: 'parked', rule: 'permanent', reason: 'payload: it is empty', resolution: null };
    expect(await ground.letter(letter.id)).toMatchObject({ ...parked, timesSeen: 2 });
    expect(await replay()).toEqual({ kind: 'refused', why });
    expect(await ground.letter(letter.id)).toMatchObject({ ...parked, timesSeen: 3 });
    await arrived.stop();
  }, 30_000);

  it('is told where somebody else decided a message while it was submitted again', async () => {
    const letter = await rejectedSubmission(Buffer.from('{"task_type":"probe","payload":{}} '));
    const other: Pick<Publisher, 'publish'> = {
      publish: async () => void (await ground.operations.cancel(letter.id, 'not wanted')),
    };
    const outcome = await operationsWith({ publisher: other }).replay(letter.id);
    expect(outcome).toEqual({ kind: 'done', note: 'somebody else decided it meanwhile: it is cancelled' });
    expect(await ground.letter(letter.id)).toMatchObject({ state: 'cancelled', resolution: 'not wanted' });
  }, 30_000);

  it('finds one letter however often a message was replayed and came back, whichever queue it was met in', async () => {
    await ground.startProcessor();
    const inside = {
      [headers.dispatch]: 9,
      [headers.copy]: 'c',
      [headers.error]: 'e',
      [headers.reasonCode]: 'timeout',
    };
    const brokers = { 'x-death': [{ queue: 'elsewhere', reason: 'expired', count: 1 }], 'x-first-death-queue': 'q' };
    const given = {
      'x-tenant': 'acme',
      bytes: Buffer.from([0, 1]),
      odd: { base64: 'no bytes' },
      ...inside,
      ...brokers,
    };
    const properties = { headers: given, deliveryMode: 1, expiration: '600000', priority: 3, timestamp: 1_700_000_000 };
    await ground.publishByHand(exchangeNames.dead, 'probe.normal', Buffer.from('{"task_type":"probe"}'), properties);
    await until(async () => (await ground.rawLetters())[0]?.state === 'parked');
    const [letter] = await ground.rawLetters();
    const arrived = await submissions();
    for (let times = 2; times <= 4; times++) {
      expect(await ground.operations.replay(letter?.id ?? '')).toEqual({ kind: 'done' });
      const delivery = await arrived.next();
      // The last time it expires there instead: the broker takes its expiration away, and says where it died.
      const { expiration: _, ...rest } = delivery.properties;
      const died = { ...rest, headers: { ...rest.headers, ...brokers } };
      await refuse(times < 4 ? delivery : { ...delivery, properties: died });
      expect((await ground.rawLetters()).map(({ id, state, timesSeen }) => ({ id, state, timesSeen }))).toEqual([
        { id: letter?.id, state: 'parked', timesSeen: times },
      ]);
    }
    await arrived.stop();
  }, 30_000);

  it('replays a task, and leaves the letter alone that it wrote since', async () => {
    await ground.startProcessor();
    const task = await ground.submit();
    await ground.failNext({ code: 'not-found', message: 'gone' });
    const letter = await ground.untilLetter(task.id, 'parked');
    const { letters } = ground.ledger;
    const late: Ledger['letters'] = {
      ...letters,
      decide: async (...asked) => {
        // The sweeper was faster, and so was the worker that failed again.
        await ground.dispatcher.dispatch(await ground.task(task.id), '{"text":"hello"}');
        await ground.failNext({ code: 'refused', message: 'no' });
        await until(async () => (await ground.letter(task.id)).code === 'refused');
        await ground.untilLetter(task.id, 'parked');
        return await letters.decide(...asked);
      },
    };
    expect(await operationsWith({ ledger: { ...ground.ledger, letters: late } }).replay(letter.id)).toEqual({
      kind: 'done',
    });
    expect(await ground.letter(task.id)).toMatchObject({ state: 'parked', code: 'refused', resolution: null });
    expect(await ground.task(task.id)).toMatchObject({ state: 'parked' });
  }, 30_000);

  it('does not cancel a message that came again since', async () => {
    const body = Buffer.from('oops');
    const letter = await rejectedSubmission(body);
    const { letters } = ground.ledger;
    const late: Ledger['letters'] = {
      ...letters,
      decide: async (...asked) => {
        await rejectedSubmission(body);
        return await letters.decide(...asked);
      },
    };
    expect(await operationsWith({ ledger: { ...ground.ledger, letters: late } }).cancel(letter.id, 'no')).toEqual({
      kind: 'refused',
      why: 'it came again meanwhile, or somebody else decided it: look at it once more',
    });
    expect(await ground.letter(letter.id)).toMatchObject({ state: 'parked', timesSeen: 2 });
  }, 30_000);

  it('does not replay a message that names a task on record: intake would only count it', async () => {
    await ground.startProcessor();
    const task = await ground.submit();
    const body = Buffer.from(JSON.stringify({ task_id: task.id.toUpperCase(), task_type: 'probe', payload: {} }));
    await ground.publishByHand(exchangeNames.dead, 'probe.normal', body);
    await until(async () => (await ground.rawLetters())[0]?.state === 'parked');
    const [letter] = await ground.rawLetters();
    const refused = await ground.operations.replay(letter?.id ?? '');
    expect(refused).toMatchObject({ kind: 'refused', why: expect.stringContaining(task.id) });
    expect(await ground.letter(letter?.id ?? '')).toMatchObject({ state: 'parked' });
    expect(await ground.task(task.id)).toMatchObject({ duplicates: 0 });
  }, 30_000);

  it('replays a message that is too large to be read, whatever it names', async () => {
    const task = await ground.submit();
    const payload = 'x'.repeat(probe.policy.maxBodyBytes);
    const letter = await rejectedSubmission(
      Buffer.from(JSON.stringify({ task_id: task.id, task_type: 'probe', payload })),
    );
    expect(await ground.operations.replay(letter.id)).toEqual({ kind: 'done' });
  }, 30_000);

  it('cancels a task whose letter the sweeper settles in the same moment, and that stands on record', async () => {
    await ground.startProcessor();
    const task = await ground.submit();
    await ground.failNext({ code: 'not-found', message: 'gone' });
    await ground.untilLetter(task.id, 'parked');
    const { ledger } = ground;
    const swept: Pick<Ledger, 'cancel'> = {
      cancel: async (...asked) => {
        const answer = await ledger.cancel(...asked);
        expect(await ledger.letters.settleFinished('parked', Date.now(), 10)).toMatchObject({ settled: 1 });
        return answer;
      },
    };
    const outcome = await operationsWith({ ledger: { ...ledger, ...swept } }).cancel(task.id, 'not wanted');
    expect(outcome).toEqual({ kind: 'done' });
    expect(await ground.letter(task.id)).toMatchObject({ state: 'cancelled', resolution: 'not wanted' });
  }, 30_000);

  it('cancels a task or a message for good, once', async () => {
    await ground.startProcessor();
    const task = await ground.submit();
    await ground.failNext({ code: 'not-found', message: 'gone' });
    await ground.publishByHand(exchangeNames.dead, 'probe.normal', Buffer.from('oops'));
    await ground.untilLetter(task.id, 'parked');
    await until(async () => (await ground.rawLetters())[0]?.state === 'parked');
    const [raw] = await ground.rawLetters();
    for (const id of [task.id, raw?.id ?? '']) {
      expect(await ground.operations.cancel(id, 'not wanted')).toEqual({ kind: 'done' });
      expect(await ground.letter(id)).toMatchObject({ state: 'cancelled', resolution: 'not wanted' });
      expect(await ground.operations.cancel(id, 'not wanted')).toMatchObject({ kind: 'refused' });
    }
    expect(await ground.task(task.id)).toMatchObject({ state: 'cancelled' });
  }, 30_000);

  it('does not cancel a task that a worker took up in the same moment', async () => {
    await ground.startProcessor();
    const task = await ground.submit();
    await ground.failNext(timeout);
    await ground.untilLetter(task.id, 'retrying');
    const { ledger } = ground;
    const late: Pick<Ledger, 'cancel'> = {
      cancel: async (...asked) => {
        await claim(ledger, await ground.nextMessage());
        return await ledger.cancel(...asked);
      },
    };
    const outcome = await operationsWith({ ledger: { ...ledger, ...late } }).cancel(task.id, 'no');
    expect(outcome).toEqual({ kind: 'refused', why: 'its task is running' });
    expect(await ground.task(task.id)).toMatchObject({ state: 'running' });
    expect(await ground.letter(task.id)).toMatchObject({ state: 'retrying' });
  }, 30_000);

  it('does not cancel a task that is under way', async () => {
    await ground.startProcessor();
    const task = await ground.submit();
    await ground.failNext(timeout);
    const again = await ground.nextMessage();
    await claim(ground.ledger, again);
    expect(await ground.operations.cancel(task.id, 'no')).toEqual({ kind: 'refused', why: 'its task is running' });
    again.ack();
  }, 30_000);
});

function operationsWith(parts: Partial<OperationsParts>): Operations {
  const { dispatcher, ledger, publisher } = ground;
  return createOperations({ ledger, dispatcher, publisher, now: Date.now, by: 'ann', ...parts });
}

/** What intake does with a message that is no submission. */
function refuse(
  { content: body, properties, routingKey }: Pick<Delivery, 'content' | 'properties' | 'routingKey'>,
  reason = 'body: is no submission',
): Promise<Letter> {
  const facts = { body, properties, routingKey, sourceQueue: queueNames.submitted, code: 'malformed', reason } as const;
  return parkRaw({ ledger: ground.ledger, now: Date.now }, facts);
}

function rejectedSubmission(content: Buffer): Promise<Letter> {
  return refuse({ content, properties: { headers: {} }, routingKey: 'probe' });
}

/** What arrives in queue `submitted`, where nobody takes it in. */
async function submissions(): Promise<{ next(): Promise<Delivery>; stop(): Promise<void> }> {
  const arrived: Delivery[] = [];
  const consumer = consume(ground.connection, {
    queue: queueNames.submitted,
    prefetch: 1,
    log: pino({ level: 'silent' }),
    onDelivery: (delivery) => {
      delivery.ack();
      arrived.push(delivery);
    },
  });
  return {
    async next() {
      await until(() => arrived.length > 0);
      const [first] = arrived.splice(0, 1);
      if (!first) throw new Error('nothing arrived');
      return first;
    },
    stop: () => consumer.cancel(),
  };
}
