import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  applyTopology,
  type BrokerConnection,
  connectBroker,
  createDispatcher,
  createEventPublisher,
  createLedgerPatience,
  createPublisher,
  createTurns,
  type Delivery,
  type Dispatcher,
  delayBy,
} from '@warren/broker';
import { createIntake } from '@warren/intake';
import { type Ledger, LedgerUnavailable, type Task } from '@warren/ledger';
import { encodeBody, headers } from '@warren/tasks';
import { topologyFor } from '@warren/topology';
import { completed, type Handler, runWorker } from '@warren/worker';
import Libsql from 'libsql';
import { pino } from 'pino';
import { type WorkParts, work } from '../../packages/worker/src/work.js';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { type LedgerHome, makeSqliteHome } from './support/ledger.js';
import { homeless, probe } from './support/letters.js';
import { log } from './support/proxied-broker.js';
import { until } from './support/until.js';

/** The way of one delivery, on a real ledger and a real broker; the delivery is in the test's own hand. */
let home: LedgerHome;
let vhost: FreshVhost;
let connection: BrokerConnection;
let ledger: Ledger;
let dispatcher: Dispatcher;
let parts: WorkParts<unknown, unknown>;
let stop: AbortController;

beforeEach(async () => {
  home = await makeSqliteHome();
  vhost = await freshVhost();
  const { amqpUrl, managementUrl } = vhost;
  const topology = topologyFor({ types: [probe], delay: 'ladder', profile: 'classic' });
  await applyTopology({ amqpUrl, managementUrl, topology });
  connection = await connectBroker({ urls: amqpUrl, name: 'test', log });
  ledger = await home.open();
  const publisher = createPublisher(connection);
  dispatcher = createDispatcher({ ledger, publisher, delay: delayBy('ladder'), now: Date.now, newCopy: randomUUID });
  stop = new AbortController();
  const patient = new AbortController().signal;
  parts = {
    type: probe,
    handler: async (input) => completed(input),
    worker: 'tester',
    ledger,
    patience: createLedgerPatience({ ledger, consumers: () => [], signal: patient, draining: () => false, log }),
    dispatcher,
    publisher,
    events: createEventPublisher(connection, { log }),
    turns: createTurns(),
    draining: () => false,
    stop: stop.signal,
    now: Date.now,
    log,
  };
}, 60_000);
afterEach(async () => {
  await connection.close();
  await home.dispose();
  await vhost.dispose();
}, 60_000);

async function submit(input: unknown): Promise<Task> {
  const answer = await createIntake({ ledger, dispatcher, types: [probe] }).submit({ type: probe.name, input });
  if (answer.kind !== 'accepted') throw new Error(`the submission was ${answer.kind}`);
  return answer.task;
}

type HandDelivery = Delivery & { settled(): 'ack' | 'requeue' | undefined };

/** What the task's ticket says, or somebody who knows its id and dispatch. */
function delivery(task: Task, payload: unknown, change: Partial<Delivery> = {}): HandDelivery {
  let settled: 'ack' | 'requeue' | undefined;
  const settle = (how: 'ack' | 'requeue') => () => {
    if (settled !== undefined) throw new Error(`the delivery was settled before: ${settled}`);
    settled = how;
    return true;
  };
  const ticket = { [headers.dispatch]: task.dispatch, [headers.attempt]: task.attempt, [headers.copy]: randomUUID() };
  return {
    content: encodeBody(task.id, task.type, JSON.stringify(payload)),
    exchange: 'tasks',
    routingKey: `${task.type}.normal`,
    redelivered: false,
    properties: { messageId: task.id, headers: ticket },
    lost: new AbortController().signal,
    ack: settle('ack'),
    requeue: settle('requeue'),
    settled: () => settled,
    ...change,
  };
}

describe('a release whose answer is lost', () => {
  it('gives the message back all the same: it may be the only one that the task has', async () => {
    let releases = 0;
    const forgetful: Ledger = {
      ...ledger,
      async release(id, request) {
        const answer = await ledger.release(id, request);
        releases += 1;
        if (releases === 1) throw new LedgerUnavailable('test', new Error('the answer was lost'));
        return answer;
      },
    };
    const handler: Handler<unknown, unknown> = async (_, { signal }) => {
      stop.abort();
      signal.throwIfAborted();
      return completed(null);
    };
    const task = await submit('x');
    const given = delivery(task, 'x');
    await work(given, { ...parts, ledger: forgetful, handler });

    expect(releases).toBe(2);
    expect(given.settled()).toBe('requeue');
    expect(await ledger.queries.task(task.id)).toMatchObject({ state: 'queued', lease: null });
  });
});

describe('a ticket with content that the task was not submitted with', () => {
  it('is parked as a conflict, the handler does not run, and the task is left to its own message', async () => {
    const task = await submit({ text: 'mine' });
    const ran: unknown[] = [];
    const handler: Handler<unknown, unknown> = async (input) => {
      ran.push(input);
      return completed(input);
    };
    const forged = delivery(task, { text: 'theirs' });
    await work(forged, { ...parts, handler });

    expect(ran).toEqual([]);
    expect(forged.settled()).toBe('ack');
    expect(await ledger.letters.list({ limit: 10 })).toMatchObject([
      {
        state: 'parked',
        code: 'conflict',
        taskId: null,
        reason: expect.stringContaining(task.id),
        body: forged.content,
      },
    ]);
    expect(await ledger.queries.task(task.id)).toMatchObject({ state: 'queued', dispatch: 1, lease: null });

    const own = delivery(task, { text: 'mine' });
    await work(own, { ...parts, handler });
    expect(ran).toEqual([{ text: 'mine' }]);
    expect(own.settled()).toBe('ack');
    expect((await ledger.queries.result(task.id))?.result).toBe('{"text":"mine"}');
  });

  it('is not put back either while somebody works the task', async () => {
    const task = await submit({ text: 'mine' });
    await ledger.claim(task.id, {
      dispatch: 1,
      copy: 'own',
      redelivered: false,
      owner: 'another',
      now: Date.now(),
      leaseMs: 60_000,
      maxCrashes: 3,
      alone: false,
    });
    const forged = delivery(task, { text: 'theirs' });
    await work(forged, parts);
    expect(forged.settled()).toBe('ack');
    expect(await ledger.letters.list({ limit: 10 })).toMatchObject([{ code: 'conflict' }]);
    expect(await ledger.queries.task(task.id)).toMatchObject({ state: 'running', lease: { owner: 'another' } });
  });

  it('is not mistaken for one when the keys of the input are numbers', async () => {
    const input = { 9: 'a', 10: 'b' };
    const task = await submit(input);
    const own = delivery(task, input);
    await work(own, parts);
    expect(await ledger.queries.task(task.id)).toMatchObject({ state: 'completed' });
  });
});

describe('an error that nobody foresaw', () => {
  it('takes up no place for good: the message goes back, and its task is worked once the trouble is over', async () => {
    const { amqpUrl } = vhost;
    const config = { amqpUrl, ledgerUrl: home.url, delay: 'ladder', name: 'tester', logLevel: 'silent' } as const;
    const lines: string[] = [];
    const worker = await runWorker({
      type: probe,
      handler: async (input) => completed(input),
      config: { ...config, concurrency: 1, drainMs: 1_000 },
      log: pino({ level: 'error' }, { write: (line) => void lines.push(line) }),
    });
    const database = new Libsql(home.url);
    try {
      database.exec('alter table attempts rename to attempts_away');
      const tasks = [await submit('x'), await submit('y')];
      // It can't be claimed, and this is no ledger that is away.
      await until(() => lines.some((line) => line.includes('a delivery goes back to its queue')));
      database.exec('alter table attempts_away rename to attempts');

      const states = () => Promise.all(tasks.map(async ({ id }) => (await ledger.queries.task(id))?.state));
      await until(async () => (await states()).every((state) => state === 'completed'));
    } finally {
      database.close();
      await worker.stop();
    }
  }, 60_000);
});

describe('the start of a worker', () => {
  it('ends where the queue of its type is missing, and says what to do', async () => {
    const { amqpUrl } = vhost;
    const config = { amqpUrl, ledgerUrl: home.url, delay: 'ladder', name: 'tester', logLevel: 'silent' } as const;
    const starting = runWorker({
      type: homeless,
      handler: async () => completed(null),
      config: { ...config, concurrency: 1, drainMs: 0 },
      log,
      readyWithinMs: 200,
    });
    await expect(starting).rejects.toThrow(
      /queue "tasks\.homeless" could not be consumed within 200 ms \(.*does not exist.*warren topology apply/,
    );
  });
});
