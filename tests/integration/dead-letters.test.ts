import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { consume, type Delivery } from '@warren/broker';
import {
  defaultRules,
  type LetterConsumers,
  maxCopiesMet,
  maxMeetings,
  type Rule,
  restoreProperties,
} from '@warren/dead-letters';
import { type Ledger, LedgerUnavailable, type Task } from '@warren/ledger';
import { headers } from '@warren/tasks';
import { exchangeNames } from '@warren/topology';
import { connect } from 'amqplib';
import { pino } from 'pino';
import { newLetter } from '../fixtures/letter.js';
import { claim, homeless, type LettersGround, lettersGround, ticketOf } from './support/letters.js';
import { until } from './support/until.js';

let ground: LettersGround;

beforeEach(async () => {
  ground = await lettersGround();
}, 60_000);

afterEach(async () => {
  await ground.dispose();
}, 60_000);

const timeout = { code: 'timeout', message: 'no answer' } as const;

describe('a failed attempt', () => {
  it('is followed by the next one, at its time and with its priority', async () => {
    await ground.startProcessor();
    const task = await ground.submit({ priority: 7 });
    await ground.failNext(timeout);

    const again = await ground.nextMessage();
    const arrivedAt = Date.now();
    const retried = await ground.task(task.id);
    expect(retried).toMatchObject({ state: 'retry-scheduled', attempt: 2, dispatch: 3, priority: 7 });
    expect(retried.dueAt).toBeGreaterThan(task.createdAt);
    expect(arrivedAt).toBeGreaterThanOrEqual(retried.dueAt);
    expect(again.properties.priority).toBe(7);
    expect(ticketOf(again)).toMatchObject({ id: task.id, dispatch: 3 });
    expect(await ground.letter(task.id)).toMatchObject({ state: 'retrying', code: 'timeout', rule: 'transient' });
    again.ack();
  }, 30_000);

  it('waits as long as the other side asked', async () => {
    await ground.startProcessor();
    const task = await ground.submit();
    const failed = await ground.failNext({ code: 'rate-limited', message: 'slow down', retryAfterMs: 400 });
    (await ground.nextMessage()).ack();
    const { dueAt } = await ground.task(task.id);
    expect(dueAt).toBeGreaterThanOrEqual(failed.updatedAt + 400);
    expect(Date.now()).toBeGreaterThanOrEqual(dueAt);
  }, 30_000);

  it('that was the last one is parked as exhausted, with all that is known', async () => {
    await ground.startProcessor();
    const task = await ground.submit({ tenant: 'acme', group: 'g', idempotencyKey: 'k', entities: ['e1', 'e2'] });
    for (let attempt = 1; attempt <= 3; attempt++)
      await ground.failNext({ ...timeout, stack: `at attempt ${attempt}` });
    const letter = await ground.untilLetter(task.id, 'parked');

    expect(await ground.task(task.id)).toMatchObject({ state: 'parked', reasonCode: 'exhausted', attempt: 3 });
    expect(letter).toMatchObject({
      code: 'exhausted',
      rule: 'exhausted',
      type: 'probe',
      sourceQueue: 'tasks.probe',
      timesSeen: 3,
      related: { tenant: 'acme', group: 'g', idempotencyKey: 'k', entities: ['e1', 'e2'] },
    });
    expect(letter.reason).toBe('attempt 3 of 3 failed; last error: timeout: no answer');
    expect(letter.lastSeen).toBeGreaterThan(letter.firstSeen);
    expect(JSON.parse(letter.body.toString())).toEqual({
      task_id: task.id,
      task_type: 'probe',
      payload: { text: 'hello' },
    });
    const details = await ground.operations.show(letter.id);
    expect(
      details?.runs.map(({ attempt, code, error, stack, worker }) => ({ attempt, code, error, stack, worker })),
    ).toEqual(
      [1, 2, 3].map((attempt) => ({
        attempt,
        code: 'timeout',
        error: 'no answer',
        stack: `at attempt ${attempt}`,
        worker: 'w',
      })),
    );
    expect(details?.advice).toMatch(/replay/);
    await ground.untilNoLetters();
  }, 30_000);

  it('that can not succeed is parked at once, and a waiting caller is told', async () => {
    await ground.startProcessor();
    const answers: Delivery[] = [];
    const replies = `replies-${randomUUID()}`;
    const connection = await connect(ground.amqpUrl);
    await (await connection.createChannel()).assertQueue(replies);
    const consumer = consume(ground.connection, {
      queue: replies,
      prefetch: 1,
      log: pino({ level: 'silent' }),
      onDelivery: (delivery) => {
        answers.push(delivery);
        delivery.ack();
      },
    });
    const task = await ground.submit({ replyTo: replies, correlationId: 'c-1' });
    await ground.failNext({ code: 'not-found', message: 'no such page' });
    await until(() => answers.length > 0);
    expect(await ground.letter(task.id)).toMatchObject({
      state: 'parked',
      code: 'not-found',
      rule: 'not-found',
      timesSeen: 1,
    });
    expect(answers[0]?.properties.correlationId).toBe('c-1');
    expect(JSON.parse(answers[0]?.content.toString() ?? '')).toEqual({
      task_id: task.id,
      state: 'parked',
      code: 'not-found',
      reason: 'no such page',
    });
    await consumer.cancel();
    await connection.close();
  }, 30_000);

  it('whose error names no code is tried again less often than others', async () => {
    const rules = defaultRules.map((rule) => (rule.name === 'unknown' ? { ...rule, attempts: 2 } : rule));
    await ground.startProcessor({ rules });
    const task = await ground.submit();
    await ground.failNext({ code: 'unknown', message: 'x is not a function' });
    await ground.failNext({ code: 'unknown', message: 'x is not a function' });
    const letter = await ground.untilLetter(task.id, 'parked');
    expect(letter).toMatchObject({ code: 'exhausted' });
    expect(letter.reason).toContain('attempt 2 of 2 failed; last error: unknown: x is not a function');
  }, 30_000);

  it('is not followed by one behind the deadline', async () => {
    await ground.startProcessor();
    const task = await ground.submit({ deadline: Date.now() + 20_000 });
    await ground.failNext({ ...timeout, retryAfterMs: 60_000 });
    expect(await ground.untilLetter(task.id, 'parked')).toMatchObject({ code: 'expired', rule: 'expired' });
    expect(await ground.task(task.id)).toMatchObject({ state: 'parked', reasonCode: 'expired' });
  }, 30_000);
});

describe('a letter that the broker wrote', () => {
  it('is parked as expired where the task waited too long', async () => {
    await ground.startProcessor();
    const task = await ground.submit({ expiresMs: 30 });
    expect(await ground.untilLetter(task.id, 'parked')).toMatchObject({
      code: 'expired',
      rule: 'expired',
      sourceQueue: 'tasks.probe',
    });
    expect(await ground.task(task.id)).toMatchObject({ state: 'parked', reasonCode: 'expired', dispatch: 2 });
  }, 30_000);

  it('sends the task on where a worker had it and was lost', async () => {
    // Only what a worker gives back has time to expire: before each publish a consumer waits, and claims are made in time.
    await ground.startWorker();
    const task = await ground.submit({ expiresMs: 300 });
    await claim(ground.ledger, await ground.nextMessage(), task.createdAt, 600);
    await ground.dropWorker();
    await until(async () => (await ground.depths())['dead-letters'] === 1);
    await ground.startWorker();
    await ground.startProcessor();

    const again = await ground.nextMessage();
    expect(ticketOf(again)).toMatchObject({ id: task.id, dispatch: 2 });
    const { dispatchedAt, dueAt } = await ground.task(task.id);
    const claimed = await claim(ground.ledger, again, Math.max(dispatchedAt, dueAt));
    expect(claimed).toMatchObject({ state: 'running', attempt: 1, lostTokens: [1] });
    again.ack();
    expect(await ground.untilLetter(task.id, 'settled')).toMatchObject({
      resolution: expect.stringContaining('published again'),
    });
  }, 30_000);

  it.each<[string, (message: Delivery) => unknown]>([
    ['requeues it', (message) => message.requeue()],
    ['loses its connection', () => ground.dropWorker()],
  ])(
    'sends the task on where a worker gave it back after its time and %s',
    async (_, returned) => {
      await ground.startProcessor();
      const task = await ground.submit({ expiresMs: 300 });
      const message = await ground.nextMessage();
      const { token } = await claim(ground.ledger, message);
      await until(() => Date.now() > task.createdAt + 500);
      await ground.ledger.release(task.id, { token, now: Date.now() });
      await returned(message);
      await until(async () => (await ground.task(task.id)).dispatch === 2);

      const again = await ground.nextMessage();
      expect(ticketOf(again)).toMatchObject({ id: task.id, dispatch: 2 });
      expect(await claim(ground.ledger, again)).toMatchObject({ state: 'running', attempt: 1, lostTokens: [] });
      again.ack();
      expect(await ground.untilLetter(task.id, 'settled')).toMatchObject({
        resolution: expect.stringContaining('published again'),
      });
    },
    30_000,
  );

  it("sends the task on where the time was its queue's, and parks the one that no worker had", async () => {
    await ground.dispose();
    ground = await lettersGround({ queueTtlMs: 300 });
    await ground.startProcessor();
    const task = await ground.submit();
    const message = await ground.nextMessage();
    const { token } = await claim(ground.ledger, message);
    await until(() => Date.now() > task.createdAt + 500);
    await ground.ledger.release(task.id, { token, now: Date.now() });
    message.requeue();
    const again = await ground.nextMessage();
    expect(ticketOf(again)).toMatchObject({ id: task.id, dispatch: 2 });
    again.ack();
    await ground.dropWorker();
    const waited = await ground.submit();
    expect(await ground.untilLetter(waited.id, 'parked')).toMatchObject({ code: 'expired' });
    expect(await ground.letter(task.id)).toMatchObject({ state: 'settled' });
  }, 30_000);

  it('is decided by what the ledger says then, not by what was read of it before', async () => {
    const task = await ground.submit({ expiresMs: 300 });
    const message = await ground.nextMessage();
    const { token } = await claim(ground.ledger, message);
    const { ledger } = ground;
    const releasedInBetween: Ledger['letters'] = {
      ...ledger.letters,
      receive: async (letter, now) => {
        await ledger.release(task.id, { token, now: Date.now() });
        return await ledger.letters.receive(letter, now);
      },
    };
    await ground.startProcessor({ ledger: { ...ledger, letters: releasedInBetween } });
    await until(() => Date.now() > task.createdAt + 500);
    await ground.dropWorker();
    const again = await ground.nextMessage();
    expect(ticketOf(again)).toMatchObject({ id: task.id, dispatch: 2 });
    expect(await ground.task(task.id)).toMatchObject({ lostTokens: [] });
    again.ack();
  }, 30_000);

  it('is parked as unroutable where no queue is bound', async () => {
    await ground.startProcessor();
    const task = await ground.submit({}, homeless);
    expect(await ground.untilLetter(task.id, 'parked')).toMatchObject({ code: 'unroutable', rule: 'unroutable' });
    expect(await ground.task(task.id)).toMatchObject({ state: 'parked', reasonCode: 'unroutable' });
    await ground.untilNoLetters();
  }, 30_000);
});

describe('a message that is no task', () => {
  it('is parked whole, and the same one again is the same letter', async () => {
    await ground.startProcessor();
    const body = Buffer.from([0x00, 0xff, 0x7b, 0x80, 0x0a]);
    await ground.publishByHand(exchangeNames.dead, 'probe.normal', body);
    await ground.publishByHand(exchangeNames.dead, 'probe.normal', body);
    await until(async () => {
      const [letter] = await ground.rawLetters();
      return letter?.timesSeen === 2 && letter.state !== 'received';
    });
    const letters = await ground.rawLetters();
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({ state: 'parked', code: 'malformed', rule: 'permanent', type: 'probe' });
    expect(letters[0]?.body.equals(body)).toBe(true);
    expect(letters[0]?.reason).toContain('is not UTF-8');
    await ground.untilNoLetters();
  }, 30_000);

  it('keeps headers of every type', async () => {
    await ground.startProcessor();
    const given = {
      bytes: Buffer.from([1, 2, 255]),
      when: { '!': 'timestamp', value: 1_700_000_000 },
      price: { '!': 'decimal', value: { places: 2, digits: 199 } },
      nothing: null,
      nested: { list: [1, 'two', { three: [Buffer.from('3')] }], base64: 'not bytes' },
      odd: { base64: 'nor these' },
      text: 'a\u0000b',
      'x-retries': 1.5,
    };
    await ground.publishByHand(exchangeNames.dead, 'probe.normal', Buffer.from('{}'), {
      headers: given,
      messageId: 'm-1',
    });
    await until(async () => (await ground.rawLetters())[0]?.state === 'parked');
    const [letter] = await ground.rawLetters();
    expect(restoreProperties(letter?.properties ?? '')).toMatchObject({ messageId: 'm-1', headers: given });
    await ground.untilNoLetters();
  }, 30_000);

  it('is parked whole where its task is unknown to the ledger', async () => {
    await ground.startProcessor();
    const id = randomUUID();
    const body = Buffer.from(JSON.stringify({ task_id: id, task_type: 'probe', payload: 1 }));
    const ticket = {
      [headers.dispatch]: 1,
      [headers.attempt]: 1,
      [headers.copy]: 'c',
      [headers.reasonCode]: 'timeout',
    };
    await ground.publishByHand(exchangeNames.dead, 'probe.normal', body, { headers: ticket });
    await until(async () => (await ground.rawLetters())[0]?.state === 'parked');
    expect((await ground.rawLetters())[0]).toMatchObject({
      state: 'parked',
      code: 'invalid-state',
      reason: expect.stringContaining(id),
    });
  }, 30_000);
});

describe('a letter on which the rules break', () => {
  const broken: Rule = {
    name: 'transient',
    get when(): Rule['when'] {
      throw new Error('bad rule');
    },
    action: 'retry',
    advice: 'none',
  };

  it('is met once and parked', async () => {
    await ground.startProcessor({ rules: [broken] });
    const task = await ground.submit();
    await ground.failNext(timeout);
    const letter = await ground.untilLetter(task.id, 'parked');
    expect(letter).toMatchObject({ code: 'unknown', rule: 'unclassified', timesSeen: 1 });
    expect(letter.reason).toContain('bad rule');
    expect(letter.reason).toContain('no answer');
    await ground.untilNoLetters();
  }, 30_000);

  it('or that ends the process each time, is parked without asking them again', async () => {
    const task = await ground.submit();
    const failed = await ground.failNext(timeout);
    await meetWithoutDeciding(failed, maxMeetings - 1);
    await handBackLetter();
    let asked = 0;
    const counting = defaultRules.map((rule) => ({
      ...rule,
      get when() {
        asked += 1;
        return rule.when;
      },
    }));
    await ground.startProcessor({ rules: counting });
    expect(await ground.untilLetter(task.id, 'parked')).toMatchObject({
      code: 'unknown',
      timesSeen: maxMeetings,
      unfinished: 0,
    });
    expect(asked).toBe(0);
  }, 30_000);

  it('is decided like any other where somebody ended the process before', async () => {
    const task = await ground.submit();
    const failed = await ground.failNext(timeout);
    await meetWithoutDeciding(failed, maxMeetings - 2);
    await handBackLetter();
    await ground.startProcessor();
    expect(await ground.untilLetter(task.id, 'retrying')).toMatchObject({ code: 'timeout', unfinished: 0 });
  }, 30_000);

  it('is parked as well where nobody says that it came back, after many copies', async () => {
    const task = await ground.submit();
    const failed = await ground.failNext(timeout);
    await meetWithoutDeciding(failed, maxCopiesMet - 1);
    await ground.startProcessor();
    const letter = await ground.untilLetter(task.id, 'parked');
    expect(letter).toMatchObject({ code: 'unknown', rule: 'unclassified', timesSeen: maxCopiesMet });
    expect(letter.reason).toContain('no answer');
  }, 30_000);

  it('is not given up because several hands have copies of it', async () => {
    const task = await ground.submit();
    const failed = await ground.failNext(timeout);
    await meetWithoutDeciding(failed, maxMeetings);
    await ground.startProcessor();
    expect(await ground.untilLetter(task.id, 'retrying')).toMatchObject({ code: 'timeout' });
  }, 30_000);

  /** The processor that had the letter is gone: the broker will say that it comes again. */
  async function handBackLetter(): Promise<void> {
    let arrived = false;
    const consumer = consume(ground.connection, {
      queue: 'dead-letters',
      prefetch: 1,
      log: pino({ level: 'silent' }),
      onDelivery: () => {
        arrived = true;
      },
    });
    await until(() => arrived);
    await consumer.cancel();
  }
});

describe('a stale letter', () => {
  it('is acknowledged: of two copies one decides', async () => {
    const task = await ground.submit();
    const failed = await ground.failNext(timeout);
    await ground.dispatcher.republish(failed, '{}');
    expect((await ground.depths())['dead-letters']).toBe(2);
    const processor = await ground.startProcessor();
    (await ground.nextMessage()).ack();
    await ground.untilNoLetters();
    await processor.stop();
    expect(await ground.task(task.id)).toMatchObject({ state: 'retry-scheduled', attempt: 2, dispatch: 3 });
    expect(await ground.letter(task.id)).toMatchObject({ state: 'retrying', unfinished: 0 });
    expect(await ground.depths()).toEqual({ 'dead-letters': 0, unroutable: 0, 'tasks.probe': 0 });
  }, 30_000);

  it('is given its note where a processor died after the move', async () => {
    const task = await ground.submit();
    const failed = await ground.failNext({ code: 'not-found', message: 'gone' });
    const { ledger } = ground;
    const died: Pick<Ledger, 'park'> = {
      park: async (id, request) => {
        await ledger.park(id, request);
        throw new Error('died');
      },
    };
    await ground.startProcessor({ ledger: { ...ledger, ...died } });
    await until(async () => (await ground.task(task.id)).state === 'parked');
    await ground.untilNoLetters();
    expect(await ground.letter(task.id)).toMatchObject({ state: 'received' });

    await ground.startProcessor();
    await ground.dispatcher.republish(failed, '{}');
    expect(await ground.untilLetter(task.id, 'parked')).toMatchObject({
      code: 'not-found',
      rule: 'not-found',
      reason: 'gone',
    });
  }, 30_000);

  it('leaves the letter alone where that one was met for a newer failure meanwhile', async () => {
    const task = await ground.submit();
    const failed = await ground.failNext({ code: 'not-found', message: 'gone' });
    await (await parkedBy(task)).stop();
    const { ledger } = ground;
    let looked = false;
    const overtaken: Ledger['letters'] = {
      ...ledger.letters,
      find: async (id) => {
        if (!looked) {
          looked = true;
          await ground.operations.replay(task.id);
          const message = await ground.nextMessage();
          const { token } = await claim(ledger, message);
          const again = await ledger.fail(task.id, { token, now: Date.now(), failure: timeout });
          message.ack();
          if (again.kind === 'done') await meetWithoutDeciding(again.task, 1);
        }
        return await ledger.letters.find(id);
      },
    };
    const processor = await ground.startProcessor({ ledger: { ...ledger, letters: overtaken } });
    await ground.dispatcher.republish(failed, '{}');
    await until(() => looked);
    await processor.stop();
    expect(await ground.letter(task.id)).toMatchObject({ state: 'received', code: 'timeout' });
  }, 30_000);

  async function parkedBy(task: Task): Promise<LetterConsumers> {
    const processor = await ground.startProcessor();
    await ground.untilLetter(task.id, 'parked');
    await ground.untilNoLetters();
    return processor;
  }
});

describe('a letter that can neither be processed nor kept', () => {
  it('goes back to its queue a while later, and takes no other one its place', async () => {
    const { ledger } = ground;
    let broken = true;
    const metAt: number[] = [];
    const flaky: Ledger['letters'] = {
      ...ledger.letters,
      receive: async (letter, now) => {
        metAt.push(Date.now());
        if (broken) throw new Error('a defect');
        return await ledger.letters.receive(letter, now);
      },
    };
    const tasks = [await ground.submit(), await ground.submit()];
    for (const _ of tasks) await ground.failNext(timeout);
    await ground.startProcessor({ prefetch: 1, ledger: { ...ledger, letters: flaky } });
    // Twice a time: to process it, and to keep it raw. In between it waits, or it would come round as fast as it can.
    await until(() => metAt.length >= 6);
    broken = false;
    for (const again of [2, 4]) expect((metAt[again] ?? 0) - (metAt[again - 1] ?? 0)).toBeGreaterThan(900);
    for (const { id } of tasks) await ground.untilLetter(id, 'retrying');
    await ground.untilNoLetters();
    expect(await ground.rawLetters()).toEqual([]);
  }, 30_000);
});

describe('while the ledger is away', () => {
  it('nothing is consumed and nothing requeued; then all goes on', async () => {
    const { ledger } = ground;
    let away = true;
    let asked = 0;
    let waitedFor = false;
    const flaky: Pick<Ledger, 'queries' | 'untilAvailable'> = {
      queries: {
        ...ledger.queries,
        task: async (id) => {
          asked += 1;
          if (away) throw new LedgerUnavailable('test', new Error('gone'));
          return ledger.queries.task(id);
        },
      },
      untilAvailable: async (signal) => {
        signal.throwIfAborted();
        waitedFor = true;
        await until(() => !away);
      },
    };
    const task = await ground.submit();
    await ground.failNext(timeout);
    await ground.startProcessor({ ledger: { ...ledger, ...flaky } });
    await until(() => waitedFor);
    const other = await ground.submit();
    await ground.failNext(timeout);
    expect(await ground.depths()).toMatchObject({ 'dead-letters': 1 });
    expect(asked).toBe(1);
    away = false;
    await ground.untilLetter(task.id, 'retrying');
    await ground.untilLetter(other.id, 'retrying');
    await ground.untilNoLetters();
    expect((await ground.letter(task.id)).timesSeen).toBe(1);
  }, 30_000);

  it('a letter counts as met once, however often its decision is asked for again', async () => {
    const { ledger } = ground;
    let asked = 0;
    const flaky: Pick<Ledger, 'retry'> = {
      retry: async (...request) => {
        asked += 1;
        if (asked <= maxCopiesMet) throw new LedgerUnavailable('test', new Error('gone'));
        return await ledger.retry(...request);
      },
    };
    const task = await ground.submit();
    await ground.failNext(timeout);
    await ground.startProcessor({ ledger: { ...ledger, ...flaky } });
    await until(async () => (await ground.task(task.id)).state !== 'dead-lettered');
    await until(async () => (await ground.letter(task.id)).state !== 'received');
    expect(await ground.letter(task.id)).toMatchObject({ state: 'retrying', code: 'timeout', timesSeen: 1 });
    expect(asked).toBe(maxCopiesMet + 1);
  }, 30_000);
});

/** A processor that received the letter and went no further. */
async function meetWithoutDeciding(task: Task, times: number): Promise<void> {
  const { dispatch, id: taskId, type } = task;
  const met = { taskId, type, dispatch, code: 'timeout', reason: 'no answer', sourceQueue: 'tasks.probe' } as const;
  for (let meeting = 0; meeting < times; meeting++) await ground.ledger.letters.receive(newLetter(met), Date.now());
}

describe('a submission that expires before it is taken in', () => {
  it.each<[string, object]>([
    ['a code', {}],
    ['a death of its own', { 'x-death': [{ queue: 'tasks.probe', reason: 'expired', count: 1 }] }],
    ['a death that is none', { 'x-death': [{ queue: 7 }] }],
    ['deaths that are no list', { 'x-death': 'odd' }],
    ['other keys to be dead-lettered with', { CC: ['probe.broker'] }],
  ])('is kept whole, and moves no task where its sender wrote %s into its headers', async (_, also) => {
    const task = await ground.submit();
    const forged = { ...headersOf(task), [headers.reasonCode]: 'poison', ...also };
    const body = Buffer.from(JSON.stringify({ task_id: task.id, task_type: 'probe', payload: {} }));
    await ground.publishByHand(exchangeNames.submit, 'probe', body, { expiration: '1', headers: forged });
    await ground.startProcessor();
    await until(async () => (await ground.rawLetters())[0]?.state === 'parked');
    const [letter] = await ground.rawLetters();
    expect(letter).toMatchObject({ state: 'parked', code: 'expired', sourceQueue: 'submitted', type: 'probe' });
    expect(letter?.body.equals(body)).toBe(true);
    await ground.untilNoLetters();
    expect(await ground.rawLetters()).toHaveLength(1);
    expect(await ground.task(task.id)).toMatchObject({ dispatch: 1, reasonCode: null });
  });
});

function headersOf(task: Task): Record<string, unknown> {
  return { [headers.dispatch]: task.dispatch, [headers.attempt]: task.attempt, [headers.copy]: 'forged' };
}
