import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  applyTopology,
  type BrokerConnection,
  connectBroker,
  copyInQueue,
  createDispatcher,
  createEventPublisher,
  createLedgerPatience,
  createPublisher,
  createTurns,
  type Delivery,
  type Dispatcher,
  delayBy,
  type Publication,
  readyCounts,
} from '@warren/broker';
import { createIntake } from '@warren/intake';
import { type ClaimRequest, type Ledger, LedgerUnavailable, type Task } from '@warren/ledger';
import { encodeBody, headers, type SubmissionOptions, type TaskType } from '@warren/tasks';
import { topologyFor, workQueue } from '@warren/topology';
import { completed, type Handler, runWorker } from '@warren/worker';
import Libsql from 'libsql';
import { pino } from 'pino';
import { Runs } from '../../packages/worker/src/run-stop.js';
import { type WorkParts, work } from '../../packages/worker/src/work.js';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { type LedgerHome, makePostgresHome, makeSqliteHome } from './support/ledger.js';
import { homeless, probe } from './support/letters.js';
import { log } from './support/proxied-broker.js';
import { TcpProxy } from './support/proxy.js';
import { until } from './support/until.js';

/** The way of one delivery, on a real ledger and a real broker; the delivery is in the test's own hand. */
let home: LedgerHome;
let vhost: FreshVhost;
let connection: BrokerConnection;
let ledger: Ledger;
let dispatcher: Dispatcher;
let parts: WorkParts<unknown, unknown>;
let runs: Runs;

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
  runs = new Runs();
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
    runs,
    now: Date.now,
    log,
  };
}, 60_000);
afterEach(async () => {
  await connection.close();
  await home.dispose();
  await vhost.dispose();
}, 60_000);

async function submit(input: unknown, options: SubmissionOptions = {}): Promise<Task> {
  const intake = createIntake({ ledger, dispatcher, types: [probe] });
  const answer = await intake.submit({ type: probe.name, input, options });
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
    queue: `tasks.${task.type}`,
    exchange: 'tasks',
    routingKey: `${task.type}.normal`,
    redelivered: false,
    properties: { messageId: task.id, headers: ticket },
    isLost: false,
    lost: new AbortController().signal,
    onLost: () => undefined,
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
      runs.stop({ kind: 'interrupted', why: 'the worker stops' });
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

describe('a delivery whose channel is gone', () => {
  it('takes no run over: the broker has given its message to the worker that has it', async () => {
    const task = await submit('x');
    const given = delivery(task, 'x', { redelivered: true, isLost: true });
    const { task: running } = await claimBy('another', task, { copy: copyOf(given) });
    await work(given, { ...parts, handler: unwanted });

    expect(given.settled()).toBe('requeue');
    expect(await ledger.queries.task(task.id)).toMatchObject({ token: running.token, lease: { owner: 'another' } });
    expect(await ledger.queries.runs(task.id)).toHaveLength(1);
  });
});

describe("a message that its task's worker can't take", () => {
  /** Made by a way in that takes more than this worker does. */
  const input = { text: 'x'.repeat(200) };
  const narrow = { ...probe, policy: { ...probe.policy, maxBodyBytes: 100 } };

  it('parks its task with it, and whoever waits is told: published again it would only be met again', async () => {
    const task = await submit(input, { replyTo: 'caller' });
    const replies: Publication[] = [];
    const publisher = { ...parts.publisher, publish: async (reply: Publication) => void replies.push(reply) };
    const given = delivery(task, input);
    await work(given, { ...parts, type: narrow, publisher, handler: unwanted });

    expect(given.settled()).toBe('ack');
    const parked = { state: 'parked', reasonCode: 'policy-violation', dispatch: 2, owed: null };
    expect(await ledger.queries.task(task.id)).toMatchObject(parked);
    expect(await ledger.letters.list({ limit: 10 })).toMatchObject([
      { taskId: task.id, state: 'parked', code: 'policy-violation', dispatch: 1, body: given.content },
    ]);
    expect(replies.map(({ body }) => JSON.parse(body.toString()))).toMatchObject([
      { task_id: task.id, state: 'parked', code: 'policy-violation' },
    ]);
  });

  it('is no second letter where its worker ended after the move: the first one is given its note', async () => {
    const task = await submit(input);
    const given = delivery(task, input);
    const dying: Ledger = {
      ...ledger,
      letters: {
        ...ledger.letters,
        decide: async () => {
          throw new Error('died');
        },
      },
    };
    await expect(work(given, { ...parts, type: narrow, ledger: dying })).rejects.toThrow('died');
    expect(await ledger.letters.find(task.id)).toMatchObject({ state: 'received' });

    const again = { ...given, redelivered: true };
    await work(again, { ...parts, type: narrow });
    expect(again.settled()).toBe('ack');
    expect(await ledger.letters.list({ limit: 10 })).toMatchObject([
      { taskId: task.id, state: 'parked', code: 'policy-violation' },
    ]);
  });

  it('sends the task on where a worker that could take it was lost: another one may', async () => {
    const task = await submit(input);
    const given = delivery(task, input);
    await claimBy('another', task, { now: Date.now() - 2, leaseMs: 1, copy: copyOf(given) });
    await work(given, { ...parts, type: narrow });

    expect(given.settled()).toBe('ack');
    const sentOn = (await ledger.queries.task(task.id)) ?? task;
    expect(sentOn).toMatchObject({ dispatch: 2, lease: null, lostTokens: [1] });
    expect(await ledger.letters.list({ limit: 10 })).toEqual([]);
    await work(delivery(sentOn, input), { ...parts, type: narrow });
    expect(await ledger.queries.task(task.id)).toMatchObject({ state: 'parked' });
  });

  it.each<[string, (id: string, run: { token: number; now: number }) => Promise<unknown>, Partial<Task>, number]>([
    [
      'completes',
      (id, run) => ledger.complete(id, { ...run, result: '"y"', cost: null }),
      { state: 'completed', dispatch: 1 },
      0,
    ],
    [
      'fails',
      (id, run) => ledger.fail(id, { ...run, failure: { code: 'network', message: 'refused' } }),
      { state: 'dead-lettered', dispatch: 2 },
      0,
    ],
    ['is given back and has expired', (id, run) => ledger.release(id, run), { state: 'parked', dispatch: 2 }, 1],
  ])(
    'is kept with its task or not at all where the run of another copy %s meanwhile',
    async (_, end, after, letters) => {
      const task = await submit(input, { expiresMs: 1_000 });
      const { token } = (await claimBy('another', task, { copy: 'own' })).task;
      const moving: Ledger = {
        ...ledger,
        async recover(id, request) {
          await end(id, { token, now: Date.now() });
          return await ledger.recover(id, request);
        },
      };
      const given = delivery(task, input);
      const now = () => Date.now() + 10_000;
      await work(given, { ...parts, now, type: narrow, ledger: moving, handler: unwanted });
      expect(given.settled()).toBe('ack');
      expect(await ledger.queries.task(task.id)).toMatchObject(after);
      const kept = (await ledger.letters.list({ limit: 10 })).map(({ taskId }) => taskId);
      expect(kept).toEqual(Array.from({ length: letters }, () => task.id));
    },
  );

  it.each<[string, (task: Task) => Partial<Delivery>, Partial<TaskType>]>([
    ['names a dispatch that is still to come', (task) => named(task.id, { [headers.dispatch]: 2 }), {}],
    ['names none', (task) => named(task.id, { [headers.dispatch]: 'first' }), {}],
    ['names a task that is not on record', () => named(randomUUID()), {}],
    ["names a task by no task's name", () => named('mine'), {}],
    ['names a task of another type', (task) => named(task.id), { name: 'another' }],
    [
      'contradicts itself',
      (task) => ({ content: encodeBody(randomUUID(), task.type, '{}') }),
      { policy: probe.policy },
    ],
  ])('is kept without one where it %s', async (_, change, type) => {
    const task = await submit(input);
    const given = delivery(task, input, change(task));
    await work(given, { ...parts, type: { ...narrow, ...type }, handler: unwanted });

    expect(given.settled()).toBe('ack');
    expect(await ledger.letters.list({ limit: 10 })).toMatchObject([{ taskId: null, body: given.content }]);
    expect(await ledger.queries.task(task.id)).toMatchObject({ dispatch: 1, reasonCode: null });
  });

  it('is kept without one where another worker has it under another copy', async () => {
    const task = await submit(input);
    await claimBy('another', task, { copy: 'own' });
    const given = delivery(task, input);
    await work(given, { ...parts, type: narrow });
    expect(given.settled()).toBe('ack');
    expect(await ledger.letters.list({ limit: 10 })).toMatchObject([{ taskId: null, state: 'parked' }]);
    expect(await ledger.queries.task(task.id)).toMatchObject({ state: 'running', lease: { owner: 'another' } });
  });

  function named(messageId: string, change: Record<string, unknown> = {}): Partial<Delivery> {
    const ticket = { [headers.dispatch]: 1, [headers.attempt]: 1, [headers.copy]: 'copy', ...change };
    return { properties: { messageId, headers: ticket } };
  }
});

describe('a completion whose answer is lost', () => {
  /** The worker's ledger, which commits and does not say so the first time. `complete` stands for that first commit. */
  function forgetful(complete: Ledger['complete']): { ledger: Ledger; completions: () => number } {
    let completions = 0;
    const forgets: Ledger = {
      ...ledger,
      async complete(id, request) {
        completions += 1;
        if (completions > 1) return await ledger.complete(id, request);
        await complete(id, request);
        throw new LedgerUnavailable('test', new Error('the answer was lost'));
      },
    };
    return { ledger: forgets, completions: () => completions };
  }

  async function answered(complete: Ledger['complete']): Promise<readonly unknown[]> {
    const replies: Publication[] = [];
    const publisher = { ...parts.publisher, publish: async (reply: Publication) => void replies.push(reply) };
    const task = await submit('x', { replyTo: 'caller' });
    const given = delivery(task, 'x');
    const { completions, ledger: forgets } = forgetful(complete);
    await work(given, { ...parts, ledger: forgets, publisher });
    expect(completions()).toBe(2);
    expect(given.settled()).toBe('ack');
    expect(await ledger.queries.task(task.id)).toMatchObject({ state: 'completed' });
    return replies.map(({ body }) => JSON.parse(body.toString()));
  }

  it('is told to whoever waits for it all the same', async () => {
    const replies = await answered(ledger.complete);
    expect(replies).toMatchObject([{ state: 'completed', result: 'x' }]);
  });

  it("is not told where the run was taken away, and the task's result is somebody else's", async () => {
    const replies = await answered(async (id, { now }) => {
      await ledger.recover(id, { dispatch: 1, now, copy: (await ledger.queries.task(id))?.lease?.copy ?? '' });
      await ledger.park(id, { dispatch: 2, now, code: 'unknown', reason: 'a person does it' });
      const byHand = { by: 'ann', note: null };
      await ledger.completeByHand(id, { dispatch: 3, now, result: '"by hand"', byHand });
      return { kind: 'refused' };
    });
    expect(replies).toEqual([]);
  });
});

/** What the ledger says to another worker that takes the task up. */
async function claimBy(owner: string, { dispatch, id }: Task, change: Partial<ClaimRequest>) {
  const sole = { redelivered: false, maxCrashes: 3, alone: false, copy: 'copy' };
  const answer = await ledger.claim(id, { ...sole, dispatch, owner, now: Date.now(), leaseMs: 60_000, ...change });
  if (answer.kind !== 'run') throw new Error(`the claim was ${answer.kind}`);
  return answer;
}

function copyOf({ properties, queue }: Delivery): string {
  return copyInQueue(String(properties.headers?.[headers.copy]), queue);
}

const unwanted: Handler<unknown, unknown> = async () => {
  throw new Error('this must not be worked');
};

describe('an error that nobody foresaw', () => {
  it('takes up no place for good: the message goes back, and its task is worked once the trouble is over', async () => {
    const { amqpUrl } = vhost;
    const config = {
      amqpUrl,
      ledgerUrl: home.url,
      delay: 'ladder',
      profile: 'classic',
      priorities: 'lanes',
      name: 'tester',
      logLevel: 'silent',
    } as const;
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

describe('the drain of a worker whose ledger is away', () => {
  let database: LedgerHome;
  let own: Ledger;
  let proxy: TcpProxy;
  let lines: string[];
  beforeEach(async () => {
    database = await makePostgresHome();
    own = await database.open();
    proxy = await TcpProxy.to(database.url);
    lines = [];
  }, 60_000);
  afterEach(async () => {
    await proxy.stop();
    await database.dispose();
  }, 60_000);

  const says = (words: string) => until(() => lines.some((line) => line.includes(words)));

  /** It has a task in hand, which ends when it is told to and not before, and no time to wait for it. */
  async function drainingWorker(): Promise<{ task: Task; stopped: Promise<void> }> {
    const worker = await runWorker({
      type: probe,
      handler: async (_, { signal }) => {
        await once(signal, 'abort');
        signal.throwIfAborted();
        return completed(null);
      },
      config: {
        amqpUrl: vhost.amqpUrl,
        ledgerUrl: proxy.through(database.url),
        delay: 'ladder',
        profile: 'classic',
        priorities: 'lanes',
        name: 'tester',
        logLevel: 'silent',
        concurrency: 1,
        drainMs: 0,
      },
      log: pino({ level: 'info' }, { write: (line) => void lines.push(line) }),
    });
    const publisher = createPublisher(connection);
    const delay = delayBy('ladder');
    const ownDispatcher = createDispatcher({ ledger: own, publisher, delay, now: Date.now, newCopy: randomUUID });
    const intake = createIntake({ ledger: own, dispatcher: ownDispatcher, types: [probe] });
    const answer = await intake.submit({ type: probe.name, input: 'x' });
    if (answer.kind !== 'accepted') throw new Error(`the submission was ${answer.kind}`);
    await says('task claimed');
    proxy.refuse();
    const stopped = worker.stop();
    await says('the ledger is away');
    return { task: answer.task, stopped };
  }

  it('goes on asking it, and gives the claim back once it answers', async () => {
    const { stopped, task } = await drainingWorker();
    proxy.restore();
    await stopped;

    expect(await own.queries.task(task.id)).toMatchObject({ state: 'queued', lease: null });
    expect(await own.queries.runs(task.id)).toMatchObject([{ outcome: 'released' }]);
    expect((await readyCounts(vhost.amqpUrl, [workQueue(probe.name)])).get(workQueue(probe.name))).toBe(1);
  }, 60_000);

  it('ends with its grace all the same: the claim is left to its lease', async () => {
    const { stopped, task } = await drainingWorker();
    await stopped;

    expect(await own.queries.task(task.id)).toMatchObject({ state: 'running', lease: { owner: expect.any(String) } });
    expect((await readyCounts(vhost.amqpUrl, [workQueue(probe.name)])).get(workQueue(probe.name))).toBe(1);
  }, 60_000);
});

describe('the start of a worker', () => {
  it('ends where the queue of its type is missing, and says what to do', async () => {
    const { amqpUrl } = vhost;
    const config = {
      amqpUrl,
      ledgerUrl: home.url,
      delay: 'ladder',
      profile: 'classic',
      priorities: 'lanes',
      name: 'tester',
      logLevel: 'silent',
    } as const;
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

describe('a delivery whose channel is lost while its claim waits for the ledger', () => {
  it('takes no run over from the worker that has it by now', async () => {
    const task = await submit('x');
    const given = { ...delivery(task, 'x', { redelivered: true }), isLost: false };
    let asked = 0;
    let token = 0;
    const away: Ledger = {
      ...ledger,
      async claim(id, request) {
        asked += 1;
        if (asked === 1) throw new LedgerUnavailable('test', new Error('away'));
        return await ledger.claim(id, request);
      },
      // Meanwhile the broker delivers it again, and another worker takes the task.
      async untilAvailable() {
        given.isLost = true;
        const sole = { redelivered: true, maxCrashes: 3, alone: false, leaseMs: 60_000 };
        const copy = copyOf(given);
        const answer = await ledger.claim(task.id, { ...sole, dispatch: 1, copy, owner: 'another', now: Date.now() });
        token = answer.kind === 'run' ? answer.task.token : 0;
      },
    };
    const patient = { consumers: () => [], signal: new AbortController().signal, draining: () => false, log };
    await work(given, { ...parts, ledger: away, patience: createLedgerPatience({ ledger: away, ...patient }) });
    expect([asked, given.settled()]).toEqual([1, 'requeue']);
    const done = await ledger.complete(task.id, { token, now: Date.now(), result: '"y"', cost: null });
    expect(done.kind).toBe('done');
  });
});

describe('a claim that waits for the ledger while its worker begins to drain', () => {
  it.each([
    ['did not come to it', false, ['released']],
    ['was committed unheard', true, ['superseded', 'released']],
  ] as const)('begins no run, and is given back: the first time it %s', async (_, commits, outcomes) => {
    const task = await submit('x');
    const given = delivery(task, 'x');
    let asked = 0;
    let drains = false;
    const away: Ledger = {
      ...ledger,
      async claim(id, request) {
        asked += 1;
        if (asked > 1) return await ledger.claim(id, request);
        if (commits) await ledger.claim(id, request);
        throw new LedgerUnavailable('test', new Error('away'));
      },
      async untilAvailable() {
        drains = true;
      },
    };
    const draining = () => drains;
    const patient = { consumers: () => [], signal: new AbortController().signal, draining, log };
    const patience = createLedgerPatience({ ledger: away, ...patient });
    await work(given, { ...parts, ledger: away, patience, draining, handler: unwanted });

    expect([asked, given.settled()]).toEqual([2, 'requeue']);
    const released = { state: 'queued', lease: null, owed: 'task', attempt: 1, lostTokens: [], reasonCode: null };
    expect(await ledger.queries.task(task.id)).toMatchObject(released);
    expect((await ledger.queries.runs(task.id)).map(({ outcome }) => outcome)).toEqual(outcomes);
  });
});
