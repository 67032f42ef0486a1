import { beforeEach, describe, expect, it } from '@jest/globals';
import { createDispatcher, PublishError } from '@warren/broker';
import { createIntake } from '@warren/intake';
import type { Task } from '@warren/ledger';
import { queueNames } from '@warren/topology';
import { nothingSwept } from '../integration/support/sweep-report.js';
import { until } from '../integration/support/until.js';
import { probe } from '../processes/src/probe.js';
import type { Crew } from './support/crew.js';
import { type Hand, ladderQueues, probeQueue } from './support/hand.js';
import type { House } from './support/house.js';
import { lodge } from './support/lodging.js';
import { expectCompletedOnce, expectDepths, expectRest, staleMessage } from './support/outcome.js';

const rooms = lodge();
let house: House;
let hand: Hand;
let crew: Crew;

beforeEach(() => {
  ({ house, hand, crew } = rooms());
});

const { settled: _, ...nothing } = nothingSwept;

async function sweep() {
  const { settled: _, ...report } = await house.sweeper({ leaseMs: 0 }).sweepOnce();
  return report;
}

async function untilNoted(...tasks: readonly Task[]): Promise<void> {
  for (const { id } of tasks) await until(async () => (await house.ledger.queries.task(id))?.owed === null);
}

describe('a message that somebody removes by hand', () => {
  it('from a work queue is published again, and its task completes', async () => {
    const tasks = [];
    for (let index = 0; index < 3; index++)
      tasks.push(await house.submit({ kind: 'finish' }, { name: `purged-${index}` }));
    await untilNoted(...tasks);
    expect(await hand.purge(probeQueue)).toBe(3);
    await expectDepths(crew, hand, {});
    expect(await sweep()).toEqual({ ...nothing, queueEmpty: 3 });
    await untilNoted(...tasks);
    expect(await hand.depths()).toEqual({ [probeQueue]: 3 });
    // The copies are in the queue now, so there is nothing more to make good.
    expect(await sweep()).toEqual(nothing);
    await crew.worker();
    for (const [index, { id }] of tasks.entries()) {
      expect(await expectCompletedOnce(house, id, ['completed'])).toMatchObject({ dispatch: 1, attempt: 1 });
      expect(house.journal.count(`purged-${index}`, 'started')).toBe(1);
    }
    await expectRest(house, crew, hand);
  });

  it('from a work queue that is never empty is missed once a later one was served', async () => {
    const gate = house.gate();
    const lost = await house.submit({ kind: 'finish' }, { name: 'overtaken' });
    await untilNoted(lost);
    expect(await hand.takeOne(probeQueue)).toBe(lost.id);
    // A publish whose confirm took long is given as long again.
    const { dispatchedAt, publishedAt } = (await house.ledger.queries.task(lost.id)) ?? lost;
    const entered = publishedAt ?? Number.NaN;
    await until(() => Date.now() > entered + (entered - dispatchedAt));
    const running = await house.submit({ kind: 'wait', gate }, { name: 'later' });
    const waiting = await house.submit({ kind: 'finish' }, { name: 'last' });
    await untilNoted(running, waiting);
    // Nothing has been served yet, so nothing was overtaken.
    expect(await sweep()).toEqual(nothing);
    await crew.worker();
    await house.journal.until('later', 'started');
    expect(await hand.depths()).toEqual({ [probeQueue]: 1 });
    expect(await sweep()).toEqual({ ...nothing, overtaken: 1 });
    expect(await hand.depths()).toEqual({ [probeQueue]: 2 });
    house.open(gate);
    for (const { id } of [lost, running, waiting]) await expectCompletedOnce(house, id, ['completed']);
    await expectRest(house, crew, hand);
    for (const name of ['overtaken', 'later', 'last']) expect(house.journal.count(name, 'started')).toBe(1);
  });

  it('from the dead letters is published again, and decided', async () => {
    const task = await house.submit({ kind: 'fail', code: 'network', attempts: 1 }, { name: 'letter' });
    await crew.worker();
    await house.untilState(task.id, 'dead-lettered');
    await untilNoted(task);
    await expectDepths(crew, hand, { [queueNames.deadLetters]: 1 });
    expect(await hand.purge(queueNames.deadLetters)).toBe(1);
    expect(await sweep()).toEqual({ ...nothing, letters: 1 });
    expect(await hand.depths()).toEqual({ [queueNames.deadLetters]: 1 });
    await crew.worker();
    await crew.processor();
    await expectCompletedOnce(house, task.id, ['failed', 'completed']);
    await expectRest(house, crew, hand);
  });

  it('from the delay is published again when it is due, and not before', async () => {
    const task = await house.submit({ kind: 'finish' }, { name: 'delayed', delayMs: 1_500 });
    await untilNoted(task);
    const [level, ...others] = Object.keys(await hand.depths());
    if (level === undefined) throw new Error('the message is in no queue');
    expect(others).toEqual([]);
    expect(ladderQueues).toContain(level);
    expect(await hand.purge(level)).toBe(1);
    expect(await sweep()).toEqual(nothing);
    await until(() => Date.now() > task.dueAt);
    expect(await sweep()).toEqual({ ...nothing, queueEmpty: 1 });
    expect(await hand.depths()).toEqual({ [probeQueue]: 1 });
    await crew.worker();
    expect(await expectCompletedOnce(house, task.id, ['completed'])).toMatchObject({ dispatch: 1 });
    await expectRest(house, crew, hand);
  });

  it('though its worker has it: the copy does not run beside it', async () => {
    const gate = house.gate();
    const task = await house.submit({ kind: 'wait', gate }, { name: 'guessed-wrong' });
    await crew.worker({ leaseMs: 1_000 });
    await house.journal.until('guessed-wrong', 'started');
    // Whatever a sweeper may guess, its copy is good for one dispatch, and that has a worker.
    await house.dispatcher.republish(task, (await house.ledger.queries.payload(task.id)) ?? '');
    const other = await crew.worker({ leaseMs: 1_000 });
    await other.untilLogged('message put back');
    house.open(gate);
    await expectCompletedOnce(house, task.id, ['completed']);
    await until(async () => Object.keys(await hand.depths()).length === 0);
    await other.untilLogged(staleMessage);
    await expectRest(house, crew, hand);
    expect(house.journal.count('guessed-wrong', 'started')).toBe(1);
  });
});

describe('two sweepers at once', () => {
  const leaseMs = 2_500;
  const env = (name: string) => ({
    PROBE_NAME: name,
    PROBE_LETTERS: 'false',
    // A round notes what it published well before the next one begins.
    PROBE_SWEEPER: JSON.stringify({
      intervalMs: 1_000,
      owedAfterMs: 0,
      quietMs: 0,
      emptyMs: 0,
      overtakenMarginMs: 0,
      leaseMs,
    }),
  });
  const active = '"active":true';
  const idle = '"active":false';

  it('are one; when it is killed the other takes over after its lease, and nothing is published twice', async () => {
    const members = [crew.spawn('probe-processor.js', env('left')), crew.spawn('probe-processor.js', env('right'))];
    await Promise.all(members.map(({ ready }) => ready));
    await until(() => members.every((member) => member.logged('"msg":"sweep"') > 1));
    const [first, ...more] = members.filter((member) => member.logged(active) > 0);
    const second = members.find((member) => member !== first);
    if (!first || !second) throw new Error('nobody sweeps, or both');
    expect(more).toEqual([]);

    const before = await owe(20);
    await until(async () => (await house.ledger.sweeps.owedCount()) === 0);
    await until(async () => (await hand.depth(probeQueue)) === 20);
    expect(second.logged(active)).toBe(0);

    await first.kill();
    const after = await owe(20);
    // Still idle: the lease of the dead one counts.
    await second.untilLogged(idle, second.logged(idle) + 1);
    await second.untilLogged(active);
    await until(async () => (await house.ledger.sweeps.owedCount()) === 0);
    await expectDepths(crew, hand, { [probeQueue]: 40 });

    const worker = await crew.worker({ concurrency: 20 });
    for (const { id } of [...before, ...after]) await expectCompletedOnce(house, id, ['completed']);
    await expectRest(house, crew, hand);
    expect(worker.logged(staleMessage)).toBe(0);
  });

  /** Tasks on record whose publish failed. */
  async function owe(count: number): Promise<readonly Task[]> {
    const { delay, ledger } = house;
    const to = { exchange: 'tasks', routingKey: 'probe.normal', messageId: '' };
    const publisher = { publish: () => Promise.reject(new PublishError({ kind: 'nacked' }, to)) };
    const dispatcher = createDispatcher({ ledger, publisher, delay, now: Date.now, newCopy: () => '' });
    const intake = createIntake({ ledger, dispatcher, types: [probe] });
    const input = { name: 'owed', journal: house.journal.path, act: { kind: 'finish' } };
    const answers = await Promise.all(Array.from({ length: count }, () => intake.submit({ type: probe.name, input })));
    return answers.map((answer) => {
      if (answer.kind !== 'accepted') throw new Error(`a submission was ${answer.kind}`);
      return answer.task;
    });
  }
});
