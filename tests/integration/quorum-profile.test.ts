import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  applyTopology,
  type BrokerConnection,
  connectBroker,
  createDispatcher,
  createEventPublisher,
  createPublisher,
  delayBy,
  readyCounts,
} from '@warren/broker';
import { consumeLetters, defaultRules, type LetterConsumers } from '@warren/dead-letters';
import { createIntake } from '@warren/intake';
import type { Ledger, Task } from '@warren/ledger';
import { classPriority, type PriorityClass, priorityClasses, TaskFailure } from '@warren/tasks';
import { firstQueues, queueNameOf, topologyFor, workQueue } from '@warren/topology';
import { completed, type Handler, runWorker, type Worker } from '@warren/worker';
import { connect } from 'amqplib';
import { z } from 'zod';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { type LedgerHome, makeSqliteHome } from './support/ledger.js';
import { probe } from './support/letters.js';
import { testLog } from './support/test-log.js';
import { until } from './support/until.js';

const profile = 'quorum';
const ladder = { unitMs: 10, levels: 12 };
/** As the type's policy has it. */
const deliveryLimit = 100;
const lanes = firstQueues(workQueue(probe.name), profile);
const laneQueue = (lane: PriorityClass) => queueNameOf({ role: workQueue(probe.name), lane, generation: 1 });

let vhost: FreshVhost;
let home: LedgerHome;
let ledger: Ledger;
let connection: BrokerConnection;
let workers: Worker[];
let letters: LetterConsumers | undefined;

beforeEach(async () => {
  vhost = await freshVhost();
  home = await makeSqliteHome();
  const { amqpUrl, managementUrl } = vhost;
  const topology = topologyFor({ types: [probe], delay: 'ladder', profile, ladder });
  await applyTopology({ amqpUrl, managementUrl, topology });
  ledger = await home.open();
  connection = await connectBroker({ urls: amqpUrl, name: 'test', log: testLog });
  workers = [];
  letters = undefined;
}, 60_000);

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await letters?.stop();
  await connection.close();
  await home.dispose();
  await vhost.dispose();
}, 60_000);

function dispatcher() {
  const publisher = createPublisher(connection);
  return createDispatcher({ ledger, publisher, delay: delayBy('ladder', ladder), now: Date.now, newCopy: randomUUID });
}

async function submit(lane: PriorityClass, count = 1): Promise<readonly Task[]> {
  const intake = createIntake({ ledger, dispatcher: dispatcher(), types: [probe] });
  const options = { priority: classPriority[lane] };
  const answers = await Promise.all(
    Array.from({ length: count }, (_, index) => intake.submit({ type: probe.name, input: { lane, index }, options })),
  );
  return answers.map((answer) => {
    if (answer.kind !== 'accepted' || !answer.published) throw new Error(`the submission was ${answer.kind}`);
    return answer.task;
  });
}

async function startWorker(handler: Handler<unknown, unknown>, concurrency: number): Promise<Worker> {
  const config = {
    amqpUrl: vhost.amqpUrl,
    ledgerUrl: home.url,
    delay: 'ladder',
    profile,
    priorities: 'lanes',
    concurrency,
    name: 'tester',
    drainMs: 5_000,
    logLevel: 'silent',
  } as const;
  const worker = await runWorker({ type: probe, handler, config, log: testLog });
  workers.push(worker);
  return worker;
}

function startLetters(): void {
  const publisher = createPublisher(connection);
  letters = consumeLetters({
    connection,
    ledger,
    dispatcher: dispatcher(),
    publisher,
    events: createEventPublisher(connection, { log: testLog }),
    types: [probe],
    queuesOf: async (role) => firstQueues(role, profile),
    rules: defaultRules,
    now: Date.now,
    random: () => 0.5,
    prefetch: 10,
    log: testLog,
  });
}

async function countIn(state: string): Promise<number> {
  return (await ledger.queries.tasks({ limit: 1_000 })).filter((task) => task.state === state).length;
}

const laneInput = z.object({ lane: z.string() });

/** A handler that runs until it is let go, one after the other, and the lanes in the order in which they began. */
function gate() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const handler: Handler<unknown, unknown> = async (input) => {
    begun.push(laneInput.parse(input).lane);
    await new Promise<void>((resolve) => ends.push(resolve));
    return completed(input);
  };
  return { begun, handler, running: () => ends.length, endOne: () => ends.shift()?.() };
}

const consumers = z.array(z.object({ queue: z.object({ name: z.string() }), prefetch_count: z.number() }));

/** What the broker says of the consumers of each lane. */
async function prefetches(): Promise<readonly number[]> {
  const { username, password, origin } = new URL(vhost.managementUrl);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const answer = await fetch(`${origin}/api/consumers/${vhost.vhost}`, { headers: { authorization } });
  const found = consumers.parse(await answer.json());
  const ofLane = (lane: string) => found.filter(({ queue }) => queue.name === lane);
  return lanes.map((lane) => ofLane(lane).reduce((sum, { prefetch_count }) => sum + prefetch_count, 0));
}

/** Takes the next message of a queue and gives it back, so often. */
async function giveBack(queue: string, times: number): Promise<void> {
  const raw = await connect(vhost.amqpUrl);
  const channel = await raw.createChannel();
  for (let time = 0; time < times; time++) {
    await until(async () => {
      const message = await channel.get(queue);
      if (message) channel.nack(message, false, true);
      return message !== false;
    });
  }
  await raw.close();
}

describe('tasks on quorum queues', () => {
  it.each(priorityClasses)(
    'of class %s go through the lane of their class',
    async (lane) => {
      await submit(lane, 3);
      await until(async () => (await readyCounts(vhost.amqpUrl, lanes)).get(laneQueue(lane)) === 3);
      await startWorker(async (input) => completed(input), 2);
      await until(async () => (await countIn('completed')) === 3);
    },
    60_000,
  );

  it('fail, wait in the ladder, come back to their lane and complete', async () => {
    startLetters();
    let attempts = 0;
    await startWorker(async (input) => {
      attempts += 1;
      if (attempts === 1) throw new TaskFailure('network', 'the first attempt fails');
      return completed(input);
    }, 1);
    const [task] = await submit('high');
    await until(async () => (await ledger.queries.task(task?.id ?? ''))?.state === 'completed');
    expect(attempts).toBe(2);
  }, 60_000);

  it('go on with a new message when the broker let go of one that came back too often', async () => {
    const [task] = await submit('normal');
    await giveBack(laneQueue('normal'), deliveryLimit + 1);
    await until(async () => (await readyCounts(vhost.amqpUrl, ['dead-letters'])).get('dead-letters') === 1);
    startLetters();
    await startWorker(async (input) => completed(input), 1);
    await until(async () => (await ledger.queries.task(task?.id ?? ''))?.state === 'completed');
    expect(await ledger.queries.runs(task?.id ?? '')).toHaveLength(1);
  }, 60_000);
});

describe('a worker of lanes', () => {
  it('at a concurrency of 1 holds one of each lane, runs one, and serves them by weight', async () => {
    for (const lane of priorityClasses) await submit(lane, 12);
    const { begun, endOne, handler, running } = gate();
    await startWorker(handler, 1);
    for (let done = 0; done < 20; done++) {
      await until(() => running() === 1);
      endOne();
    }
    await until(() => begun.length >= 20);
    const share = (lane: PriorityClass) => begun.slice(0, 20).filter((one) => one === lane).length;
    // Right after its turn a lane's next delivery is still on its way, so with one slot it has every second turn at most.
    expect(share('high')).toBeGreaterThanOrEqual(8);
    expect(share('normal')).toBeGreaterThan(share('low'));
    expect(share('low')).toBeGreaterThanOrEqual(1);
    await until(async () => (await prefetches()).join() === '1,1,1');
    // What is in hand when it stops goes back.
    while (running() > 0) endOne();
  }, 60_000);

  it('gives a lane that alone has work its whole concurrency, and the others one each', async () => {
    const { handler, running, endOne } = gate();
    await startWorker(handler, 8);
    await submit('low', 30);
    await until(() => running() === 8);
    await until(async () => (await prefetches()).join() === '1,1,8');
    while (running() > 0) endOne();
  }, 60_000);
});
