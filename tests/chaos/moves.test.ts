import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Task } from '@warren/ledger';
import { exchangeNames, queueNames } from '@warren/topology';
import { until } from '../integration/support/until.js';
import { probe } from '../processes/src/probe.js';
import type { AmqpProxy, Breakpoint } from './support/amqp-proxy.js';
import type { Crew } from './support/crew.js';
import { type Hand, probeQueue } from './support/hand.js';
import type { House } from './support/house.js';
import { lodge } from './support/lodging.js';
import { expectCompletedOnce, expectDepths, expectRest, staleLetter, staleMessage } from './support/outcome.js';

/** Every move is "commit, publish, ack". Here it is broken off between each two of them, for everybody who moves a task. */
const rooms = lodge();
let house: House;
let hand: Hand;
let proxy: AmqpProxy;
let crew: Crew;
let breakable: string;

beforeEach(() => {
  ({ house, hand, proxy, crew, breakable } = rooms());
});

/** Where a move breaks off; what is then owed, and whether its message has arrived. */
interface Point {
  readonly name: string;
  at(exchange: string | RegExp): Omit<Breakpoint, 'action'>;
  readonly owed: boolean;
  readonly arrived: 0 | 1;
}

const publishLost: Point = {
  name: 'the publish does not arrive',
  at: (exchange) => ({ from: 'client', method: 'basic.publish', exchange }),
  owed: true,
  arrived: 0,
};
const confirmLost: Point = {
  name: 'the publish arrives, its confirm does not',
  at: () => ({ from: 'server', method: 'basic.ack' }),
  owed: true,
  arrived: 1,
};
const ackLost: Point = {
  name: 'the confirm arrives, the ack of the old message does not',
  at: () => ({ from: 'client', method: 'basic.ack' }),
  owed: false,
  arrived: 1,
};
const points = [publishLost, confirmLost, ackLost];

/** A retry is due at once or through the ladder, as its jitter has it. */
const workOrDelay = /^(tasks|delay\..*)$/;

/** One round. The lease on the role ends with it, so that the next test's sweeper has not to wait. */
const sweep = () => house.sweeper({ leaseMs: 0 }).sweepOnce();

async function taskNow({ id }: Task): Promise<Task> {
  const task = await house.ledger.queries.task(id);
  if (!task) throw new Error(`task ${id} is not in the ledger`);
  return task;
}

/** The note of a confirm is committed behind the publish. */
async function untilDebtIs(task: Task, owed: Task['owed']): Promise<void> {
  await until(async () => (await taskNow(task)).owed === owed);
}

function failOnce(): Promise<Task> {
  return house.submit({ kind: 'fail', code: 'network', attempts: 1 }, { name: `fails-${randomUUID()}` });
}

/** A task that failed once; its letter waits for a processor. */
async function deadLettered(): Promise<Task> {
  const task = await failOnce();
  await crew.worker();
  await house.untilState(task.id, 'dead-lettered');
  await untilDebtIs(task, null);
  await crew.dismiss();
  expect(await hand.depths()).toEqual({ [queueNames.deadLetters]: 1 });
  return task;
}

describe('a worker that fails a task', () => {
  /** What the sweeper makes of it, and the rest of the task's way, whatever came before. */
  async function expectRecovery(task: Task, { arrived, owed }: Point, old: number): Promise<void> {
    const letters = { [queueNames.deadLetters]: arrived };
    await expectDepths(crew, hand, { ...(arrived ? letters : {}), ...(old ? { [probeQueue]: old } : {}) });
    expect(await taskNow(task)).toMatchObject({
      state: 'dead-lettered',
      dispatch: 2,
      attempt: 1,
      owed: owed ? 'dead' : null,
    });
    expect(await sweep()).toMatchObject({ owed: owed ? 1 : 0, letters: 0, queueEmpty: 0 });
    await untilDebtIs(task, null);
    const copies = arrived + (owed ? 1 : 0);
    expect(await hand.depth(queueNames.deadLetters)).toBe(copies);

    const processor = await crew.processor();
    const worker = await crew.worker();
    await expectCompletedOnce(house, task.id, ['failed', 'completed']);
    await processor.untilLogged(staleLetter, copies - 1);
    await worker.untilLogged(staleMessage, old);
    expect(await taskNow(task)).toMatchObject({ dispatch: 3, attempt: 2 });
    await expectRest(house, crew, hand);
    expect(processor.logged(staleLetter)).toBe(copies - 1);
    expect(worker.logged(staleMessage)).toBe(old);
  }

  it.each(points)('and is cut off when $name: it acks the old message when that comes back', async (point) => {
    const worker = await crew.worker({ amqpUrl: breakable });
    const hit = proxy.breakAt({ ...point.at(exchangeNames.dead), action: 'cut' });
    const task = await failOnce();
    await hit;
    await worker.untilLogged(staleMessage);
    await untilDebtIs(task, point.owed ? 'dead' : null);
    await expectRecovery(task, point, 0);
  });

  it.each(points)('and is killed when $name: the old message waits for the next worker', async (point) => {
    const worker = crew.spawn('probe-worker.js', { AMQP_URL: breakable });
    await worker.ready;
    const hit = proxy.breakAt({ ...point.at(exchangeNames.dead), action: 'swallow' });
    const task = await failOnce();
    await hit;
    await untilDebtIs(task, point.owed ? 'dead' : null);
    await worker.kill();
    await expectRecovery(task, point, 1);
  });
});

describe('a worker that completes a task', () => {
  it('and is cut off before its ack arrives: the message comes back and nothing runs', async () => {
    const worker = await crew.worker({ amqpUrl: breakable });
    const hit = proxy.breakAt({ ...ackLost.at(''), action: 'cut' });
    const task = await house.submit({ kind: 'finish' }, { name: 'ack-cut' });
    await hit;
    await worker.untilLogged(staleMessage);
    await expectCompletedOnce(house, task.id, ['completed']);
    expect(house.journal.count('ack-cut', 'started')).toBe(1);
    await expectRest(house, crew, hand);
  });

  it('and is killed before its ack arrives: the next worker acks it, and nothing runs', async () => {
    const killed = crew.spawn('probe-worker.js', { AMQP_URL: breakable });
    await killed.ready;
    const hit = proxy.breakAt({ ...ackLost.at(''), action: 'swallow' });
    const task = await house.submit({ kind: 'finish' }, { name: 'ack-killed' });
    await hit;
    await killed.kill();
    await expectDepths(crew, hand, { [probeQueue]: 1 });
    await expectCompletedOnce(house, task.id, ['completed']);
    const worker = await crew.worker();
    await worker.untilLogged(staleMessage);
    await expectRest(house, crew, hand);
    expect(house.journal.count('ack-killed', 'started')).toBe(1);
  });
});

describe('a worker that is handed a task', () => {
  it('and is cut off as the delivery comes: it gets it again, and runs it once', async () => {
    await crew.worker({ amqpUrl: breakable });
    const hit = proxy.breakAt({ from: 'server', method: 'basic.deliver', action: 'cut' });
    const task = await house.submit({ kind: 'finish' }, { name: 'deliver-cut' });
    await hit;
    await expectCompletedOnce(house, task.id, ['completed']);
    await expectRest(house, crew, hand);
    expect(house.journal.count('deliver-cut', 'started')).toBe(1);
  });

  it('and is killed before it claims it: no run is counted, and another worker has it', async () => {
    const killed = crew.spawn('probe-worker.js', { AMQP_URL: breakable });
    await killed.ready;
    const hit = proxy.breakAt({ from: 'server', method: 'basic.deliver', action: 'swallow' });
    const task = await house.submit({ kind: 'finish' }, { name: 'deliver-killed' });
    await hit;
    await killed.kill();
    await untilDebtIs(task, null);
    await expectDepths(crew, hand, { [probeQueue]: 1 });
    expect(await taskNow(task)).toMatchObject({ state: 'queued', token: 0, lostTokens: [] });
    await crew.worker();
    await expectCompletedOnce(house, task.id, ['completed']);
    await expectRest(house, crew, hand);
    expect(house.journal.count('deliver-killed', 'started')).toBe(1);
  });
});

describe('a worker that snoozes a task', () => {
  it.each(points)('and is cut off when $name', async (point) => {
    const gate = house.gate();
    const worker = await crew.worker({ amqpUrl: breakable });
    const hit = proxy.breakAt({ ...point.at(workOrDelay), action: 'cut' });
    const task = await house.submit({ kind: 'snooze', gate, delayMs: 600 }, { name: `snooze-${randomUUID()}` });
    await hit;
    house.open(gate);
    await worker.untilLogged(staleMessage);
    if (point.arrived === 0) {
      await expectDepths(crew, hand, {});
      expect(await taskNow(task)).toMatchObject({ state: 'snoozed', dispatch: 2, attempt: 1, owed: 'delayed' });
      expect(await sweep()).toMatchObject({ owed: 1 });
      await crew.worker();
    }
    const done = await expectCompletedOnce(house, task.id, ['snoozed', 'completed']);
    expect(done).toMatchObject({ dispatch: 2, attempt: 1 });
    await expectRest(house, crew, hand);
  });
});

describe('a worker that puts a copy back because another works its task', () => {
  it.each(points)('and is cut off when $name', async (point) => {
    const gate = house.gate();
    const task = await house.submit({ kind: 'wait', gate }, { name: `held-${randomUUID()}` });
    const first = await crew.worker({ leaseMs: 1_000 });
    await house.untilState(task.id, 'running');
    const payload = (await house.ledger.queries.payload(task.id)) ?? '';
    const other = await crew.worker({ amqpUrl: breakable, leaseMs: 1_000 });
    const hit = proxy.breakAt({ ...point.at(workOrDelay), action: 'cut' });
    await house.dispatcher.putBack(task, payload, 0);
    await hit;
    // The copy came back to it as well: it puts that one back too.
    await other.untilLogged('message put back', 2);
    house.open(gate);
    await expectCompletedOnce(house, task.id, ['completed']);
    await until(() => first.logged(staleMessage) + other.logged(staleMessage) === 1 + point.arrived);
    await expectRest(house, crew, hand);
  });
});

describe('a processor that tries a task again', () => {
  async function expectRecovery(task: Task, { arrived, owed }: Point, old: number): Promise<void> {
    const { dueAt } = await taskNow(task);
    await until(() => Date.now() > dueAt);
    if (arrived) await until(async () => (await hand.depth(probeQueue)) === 1);
    await expectDepths(crew, hand, {
      ...(arrived ? { [probeQueue]: 1 } : {}),
      ...(old ? { [queueNames.deadLetters]: old } : {}),
    });
    expect(await taskNow(task)).toMatchObject({
      state: 'retry-scheduled',
      dispatch: 3,
      attempt: 2,
      owed: owed ? 'delayed' : null,
    });
    expect(await sweep()).toMatchObject({ owed: owed ? 1 : 0, queueEmpty: 0, letters: 0 });
    const copies = arrived + (owed ? 1 : 0);
    expect(await hand.depth(probeQueue)).toBe(copies);

    const worker = await crew.worker();
    const processor = await crew.processor();
    await processor.untilLogged(staleLetter, old);
    await expectCompletedOnce(house, task.id, ['failed', 'completed']);
    await worker.untilLogged(staleMessage, copies - 1);
    expect(await house.ledger.letters.find(task.id)).toMatchObject({ state: 'retrying', timesSeen: 1 });
    await expectRest(house, crew, hand);
    expect(worker.logged(staleMessage)).toBe(copies - 1);
  }

  it.each(points)('and is cut off when $name: it acks the letter when that comes back', async (point) => {
    const task = await deadLettered();
    const hit = proxy.breakAt({ ...point.at(workOrDelay), action: 'cut' });
    const processor = await crew.processor({ amqpUrl: breakable });
    await hit;
    await processor.untilLogged(staleLetter);
    await untilDebtIs(task, point.owed ? 'delayed' : null);
    await expectRecovery(task, point, 0);
  });

  it.each(points)('and is killed when $name: the letter waits for the next processor', async (point) => {
    const task = await deadLettered();
    const hit = proxy.breakAt({ ...point.at(workOrDelay), action: 'swallow' });
    const processor = crew.spawn('probe-processor.js', { AMQP_URL: breakable });
    await hit;
    await untilDebtIs(task, point.owed ? 'delayed' : null);
    await processor.kill();
    await expectRecovery(task, point, 1);
  });
});

describe('an intake', () => {
  const recorded = points.filter(({ owed }) => owed);

  async function expectRecovery(task: Task, arrived: number): Promise<void> {
    await expectDepths(crew, hand, arrived ? { [probeQueue]: arrived } : {});
    expect(await taskNow(task)).toMatchObject({ state: 'accepted', dispatch: 1, owed: 'task' });
    expect(await sweep()).toMatchObject({ owed: 1 });
    await untilDebtIs(task, null);
    expect(await hand.depths()).toEqual({ [probeQueue]: arrived + 1 });
    const worker = await crew.worker();
    await expectCompletedOnce(house, task.id, ['completed']);
    await worker.untilLogged(staleMessage, arrived);
    await expectRest(house, crew, hand);
    expect(worker.logged(staleMessage)).toBe(arrived);
  }

  it.each(recorded)('is cut off when $name: the task is accepted, and its publish owed', async ({ at, arrived }) => {
    const submitter = await crew.submitter({ amqpUrl: breakable });
    const hit = proxy.breakAt({ ...at('tasks'), action: 'cut' });
    const { task, published } = await submitter.submit({ kind: 'finish' }, 'intake-cut');
    await hit;
    expect(published).toBe(false);
    await expectRecovery(task, arrived);
  });

  it.each(recorded)('is killed when $name: who submits again gets the same task', async ({ at, arrived }) => {
    const hit = proxy.breakAt({ ...at('tasks'), action: 'swallow' });
    const key = randomUUID();
    const input = { name: key, journal: house.journal.path, act: { kind: 'finish' } };
    const env = { AMQP_URL: breakable, PROBE_INPUT: JSON.stringify(input), PROBE_KEY: key };
    const submitter = crew.spawn('probe-submitter.js', env);
    await hit;
    await submitter.kill();
    const again = await house.intake.submit({ type: probe.name, input, options: { idempotencyKey: key } });
    if (again.kind !== 'duplicate') throw new Error(`the second submission was ${again.kind}`);
    await expectRecovery(again.task, arrived);
    expect(house.journal.count(key, 'started')).toBe(1);
  });
});

describe('a person who replays a parked task', () => {
  it('and loses the connection: the publish is owed, and the sweeper makes it good', async () => {
    const task = await house.submit({ kind: 'fail', code: 'not-found', attempts: 1 }, { name: 'replayed' });
    await crew.worker();
    await crew.processor();
    await house.untilState(task.id, 'parked');
    await crew.dismiss();

    const person = await crew.submitter({ amqpUrl: breakable });
    const hit = proxy.breakAt({ ...publishLost.at('tasks'), action: 'cut' });
    expect(await person.operations.replay(task.id)).toMatchObject({ kind: 'done', note: expect.any(String) });
    await hit;

    await expectDepths(crew, hand, {});
    expect(await taskNow(task)).toMatchObject({ state: 'accepted', attempt: 2, owed: 'task' });
    expect(await sweep()).toMatchObject({ owed: 1 });
    await crew.worker();
    await expectCompletedOnce(house, task.id, ['failed', 'completed']);
    await expectRest(house, crew, hand);
  });
});
