import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LedgerUnavailable } from '@warren/ledger';
import type { PrivatePostgres } from '@warren/local';
import { queueNames } from '@warren/topology';
import { startOwnPostgres } from '../integration/support/postgres.js';
import { until } from '../integration/support/until.js';
import type { AmqpProxy } from './support/amqp-proxy.js';
import type { Crew } from './support/crew.js';
import { type Hand, probeQueue } from './support/hand.js';
import type { House } from './support/house.js';
import { lodge } from './support/lodging.js';
import { expectCompletedOnce, expectDepths, expectRest } from './support/outcome.js';

let postgres: PrivatePostgres;

beforeAll(async () => {
  postgres = await startOwnPostgres();
}, 120_000);

// Runs already, unless the test broke off.
afterEach(() => postgres.start(), 60_000);

const rooms = lodge(() => ({ ledgerUrl: postgres.url }));

afterAll(() => postgres?.discard(), 60_000);

let house: House;
let hand: Hand;
let proxy: AmqpProxy;
let crew: Crew;
let breakable: string;

beforeEach(() => {
  ({ house, hand, proxy, crew, breakable } = rooms());
});

const ledgerBack = () => house.ledger.untilAvailable(AbortSignal.timeout(30_000));

async function untilNoConsumer(queue: string): Promise<void> {
  await until(async () => (await hand.consumers(queue)) === 0);
}

async function submitMany(name: string, count: number) {
  return await Promise.all(
    Array.from({ length: count }, (_, index) => house.submit({ kind: 'finish' }, { name: `${name}-${index}` })),
  );
}

describe('while the ledger is stopped', () => {
  it('workers consume nothing and keep what they have; intake refuses; afterwards each task completes once', async () => {
    const gate = house.gate();
    const worker = await crew.worker({ amqpUrl: breakable, concurrency: 2 });
    const running = [];
    for (const name of ['one', 'two']) {
      running.push(await house.submit({ kind: 'wait', gate }, { name }));
      await house.journal.until(name, 'started');
    }
    const waiting = await submitMany('waiting', 3);
    await until(async () => (await house.ledger.sweeps.owedCount()) === 0);
    expect(await hand.depths()).toEqual({ [probeQueue]: 3 });

    await postgres.stop();
    await expect(house.submit({ kind: 'finish' }, { name: 'refused' })).rejects.toThrow(LedgerUnavailable);
    await expect(house.submit({ kind: 'finish' }, { name: 'refused' })).rejects.toThrow(house.ledger.label);
    house.open(gate);
    await untilNoConsumer(probeQueue);
    await house.journal.until('two', 'finished');
    // Both are done and neither could say so; nothing that waits was handed to anybody.
    expect(await hand.depths()).toEqual({ [probeQueue]: 3 });
    expect(proxy.seen('server', 'basic.deliver')).toBe(2);
    expect(proxy.seen('client', 'basic.ack')).toBe(0);
    expect(worker.logged('the ledger is away')).toBe(1);

    await postgres.start();
    for (const { id } of [...running, ...waiting]) await expectCompletedOnce(house, id, ['completed']);
    await expectRest(house, crew, hand);
    // One delivery a task from beginning to end, each acked, none given back.
    expect(proxy.seen('server', 'basic.deliver')).toBe(5);
    expect(proxy.seen('client', 'basic.ack')).toBe(5);
    expect(proxy.seen('client', 'basic.nack')).toBe(0);
    for (const name of ['one', 'two', 'waiting-0', 'waiting-1', 'waiting-2']) {
      expect(house.journal.count(name, 'started')).toBe(1);
    }
    expect(house.journal.count('refused', 'started')).toBe(0);
  }, 120_000);

  it('a message that arrives is kept unclaimed, and a letter undecided', async () => {
    const failed = await house.submit({ kind: 'fail', code: 'network', attempts: 1 }, { name: 'letter' });
    await crew.worker();
    await house.untilState(failed.id, 'dead-lettered');
    await until(async () => (await house.ledger.sweeps.owedCount()) === 0);
    await expectDepths(crew, hand, { [queueNames.deadLetters]: 1 });

    const task = await house.submit({ kind: 'finish' }, { name: 'unclaimed' });
    const payload = (await house.ledger.queries.payload(task.id)) ?? '';
    await until(async () => (await house.ledger.sweeps.owedCount()) === 0);
    expect(await hand.purge(probeQueue)).toBe(1);
    await crew.worker({ amqpUrl: breakable });
    await postgres.stop();
    await house.dispatcher.putBack(task, payload, 0);
    const processor = await crew.processor({ amqpUrl: breakable });
    await processor.untilLogged('the ledger is away');
    await untilNoConsumer(probeQueue);
    await untilNoConsumer(queueNames.deadLetters);
    expect(proxy.seen('server', 'basic.deliver')).toBe(2);
    expect(await hand.depths()).toEqual({});
    expect(house.journal.count('unclaimed', 'started')).toBe(0);

    await postgres.start();
    await expectCompletedOnce(house, task.id, ['completed']);
    await expectCompletedOnce(house, failed.id, ['failed', 'completed']);
    await expectRest(house, crew, hand);
    // The ticket, the letter, and the ticket of the second attempt.
    expect(proxy.seen('server', 'basic.deliver')).toBe(3);
    expect(proxy.seen('client', 'basic.nack')).toBe(0);
    expect(processor.logged('the ledger is away')).toBe(1);
  }, 120_000);
});

describe('when the ledger is killed in the middle of its commits', () => {
  it('each task completes once, whatever the ledger had heard', async () => {
    const tasks = await submitMany('burst', 300);
    await until(async () => (await house.ledger.sweeps.owedCount()) === 0);
    await crew.worker({ amqpUrl: breakable, concurrency: 20 });
    await until(async () => ((await house.ledger.queries.count()).completed ?? 0) > 40);
    await postgres.kill();
    await untilNoConsumer(probeQueue);
    expect(await hand.depth(probeQueue)).toBeGreaterThan(0);
    await postgres.start();
    await ledgerBack();
    for (const { id } of tasks) await house.untilState(id, 'completed');
    await expectRest(house, crew, hand);
    for (const { id } of tasks) {
      const runs = await house.ledger.queries.runs(id);
      expect(runs.filter(({ outcome }) => outcome === 'completed')).toHaveLength(1);
      // A claim whose answer was lost with the ledger: its worker took over from itself.
      expect(runs.slice(0, -1).every(({ outcome }) => outcome === 'superseded')).toBe(true);
      expect((await house.ledger.queries.task(id))?.lostTokens).toEqual([]);
    }
    expect(proxy.seen('client', 'basic.nack')).toBe(0);
    expect(proxy.seen('server', 'basic.deliver')).toBe(300);
  }, 120_000);
});
