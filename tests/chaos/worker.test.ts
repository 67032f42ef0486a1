import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { workQueue } from '@warren/topology';
import { clearMemoryAlarm, raiseMemoryAlarm } from '../integration/support/alarm.js';
import { startOwnBroker } from '../integration/support/broker.js';
import { until } from '../integration/support/until.js';
import { AmqpProxy } from './support/amqp-proxy.js';
import { takeHand } from './support/hand.js';
import { type House, openHouse } from './support/house.js';

let house: House;

beforeEach(async () => {
  house = await openHouse();
});

afterEach(async () => {
  await house.close();
});

/** The one thing that must hold after everything: each task has one result, and nothing waits anywhere. */
async function expectOneEffectEach(taskIds: readonly string[]): Promise<void> {
  for (const id of taskIds) {
    const task = await house.untilState(id, 'completed');
    const runs = await house.ledger.queries.runs(id);
    expect(runs.filter(({ outcome }) => outcome === 'completed')).toHaveLength(1);
    expect(await house.ledger.queries.result(id)).toBeDefined();
    expect(task.lease).toBeNull();
  }
  await house.expectEmptyQueues();
}

describe('the main job', () => {
  it('works a task and keeps its result', async () => {
    await house.startWorker();
    const task = await house.submit({ kind: 'finish' });
    expect(await house.untilState(task.id, 'completed')).toMatchObject({ attempt: 1, dispatch: 1, lostTokens: [] });
    const result = JSON.parse((await house.ledger.queries.result(task.id))?.result ?? 'null');
    expect(result).toMatchObject({ name: 'finish', attempt: 1 });
    await expectOneEffectEach([task.id]);
  });

  it('tries a transient failure again and completes on the third attempt, its priority kept', async () => {
    await house.startWorker();
    await house.startProcessor();
    const task = await house.submit({ kind: 'fail', code: 'rate-limited', attempts: 2 }, { priority: 8 });
    const completed = await house.untilState(task.id, 'completed');
    expect(completed).toMatchObject({ attempt: 3, priority: 8 });
    const runs = await house.ledger.queries.runs(task.id);
    expect(runs.map(({ attempt, outcome, code }) => [attempt, outcome, code])).toEqual([
      [1, 'failed', 'rate-limited'],
      [2, 'failed', 'rate-limited'],
      [3, 'completed', null],
    ]);
    await expectOneEffectEach([task.id]);
  });

  it('parks what fails for good, and what fails too often', async () => {
    await house.startWorker();
    await house.startProcessor();
    const permanent = await house.submit({ kind: 'fail', code: 'not-found', attempts: 9 });
    const exhausted = await house.submit({ kind: 'fail', code: 'network', attempts: 9 });
    expect(await house.untilState(permanent.id, 'parked')).toMatchObject({ attempt: 1, reasonCode: 'not-found' });
    expect(await house.untilState(exhausted.id, 'parked')).toMatchObject({ attempt: 3, reasonCode: 'exhausted' });
    await house.expectEmptyQueues();
  });
});

describe('when the worker is killed', () => {
  it('gives the task to another worker at once: nobody waits for the lease', async () => {
    // A lease far longer than this test may take: only the redelivery can free the task.
    const lease = { PROBE_LEASE_MS: '600000' };
    const first = await house.startWorker(lease);
    const gate = house.gate();
    const task = await house.submit({ kind: 'wait', gate });
    await house.journal.until('wait', 'started');
    await house.startWorker(lease);
    first.kill('SIGKILL');
    await house.journal.until('wait', 'started', 2);
    house.open(gate);
    await expectOneEffectEach([task.id]);
    const runs = await house.ledger.queries.runs(task.id);
    expect(runs.map(({ outcome }) => outcome)).toEqual(['lost', 'completed']);
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 1]);
  });

  it('lets nine innocent tasks complete beside a killer, which is parked as poison', async () => {
    await house.startProcessor();
    const gate = house.gate();
    const innocent = [];
    for (let index = 0; index < 9; index++)
      innocent.push(await house.submit({ kind: 'wait', gate }, { name: `innocent-${index}` }));
    const killer = await house.submit({ kind: 'kill-worker' }, { name: 'killer' });
    // Whoever supervises workers starts them again; here the test does, until the killer is gone.
    let starts = 0;
    let parked = false;
    const supervised = (async () => {
      while (!parked) {
        starts++;
        // It may die before it says that it is ready.
        const worker = await house.startWorker({ PROBE_LEASE_MS: '3000' }).catch(() => undefined);
        await Promise.race([worker?.exited, until(() => parked)]);
      }
    })();
    await house.journal.until('killer', 'started', 2);
    house.open(gate);
    const poison = await house.untilState(killer.id, 'parked');
    await expectOneEffectEach(innocent.map(({ id }) => id));
    parked = true;
    await supervised;
    expect(poison).toMatchObject({ reasonCode: 'poison' });
    expect(house.journal.count('killer', 'started')).toBe(3);
    expect(starts).toBe(4);
  });
});

describe('when the connection is cut', () => {
  it('refuses the old result of a handler that went on, and counts one effect', async () => {
    const proxy = await AmqpProxy.start(house.amqpUrl);
    const cutOff = await house.startWorker({ AMQP_URL: proxy.through(house.amqpUrl) });
    const gate = house.gate();
    const task = await house.submit({ kind: 'ignore-signal', gate });
    await house.journal.until('ignore-signal', 'started');
    const other = await house.startWorker();
    proxy.cutAll();
    await house.journal.until('ignore-signal', 'started', 2);
    house.open(gate);
    await house.journal.until('ignore-signal', 'finished', 2);
    await expectOneEffectEach([task.id]);
    const runs = await house.ledger.queries.runs(task.id);
    expect(runs).toHaveLength(2);
    await until(async () => (await house.ledger.queries.runs(task.id))[0]?.outcome === 'superseded');
    // The cut-off worker lives: its run ended, so it is no crash that counts against the task.
    expect((await house.ledger.queries.task(task.id))?.lostTokens).toEqual([]);
    cutOff.kill('SIGTERM');
    other.kill('SIGTERM');
    expect(await Promise.all([cutOff.exited, other.exited])).toEqual([0, 0]);
    await proxy.stop();
  });
});

describe('duplicates', () => {
  it('works a task once, however many copies of its message there are', async () => {
    const gate = house.gate();
    const task = await house.submit({ kind: 'wait', gate });
    const payload = (await house.ledger.queries.payload(task.id)) ?? '';
    for (let copy = 0; copy < 5; copy++) await house.dispatcher.putBack(task, payload, 0);
    expect(await house.depth(workQueue('probe'))).toBe(6);
    await house.startWorker({ PROBE_LEASE_MS: '900' });
    await house.startWorker({ PROBE_LEASE_MS: '900' });
    await house.journal.until('wait', 'started');
    house.open(gate);
    await expectOneEffectEach([task.id]);
    expect(house.journal.count('wait', 'started')).toBe(1);
  });

  it('takes the same submission twice for one task, and another content under its key for an error', async () => {
    const first = await house.submit({ kind: 'finish' }, { idempotencyKey: 'once' });
    const second = await house.submit({ kind: 'finish' }, { idempotencyKey: 'once' });
    expect(second.id).toBe(first.id);
    await expect(house.submit({ kind: 'kill-worker' }, { idempotencyKey: 'once' })).rejects.toThrow('idempotency_key');
    await house.startWorker();
    await expectOneEffectEach([first.id]);
    expect(house.journal.count('finish', 'started')).toBe(1);
  });
});

describe('a message that is no task', () => {
  it('is parked whole, and the worker goes on', async () => {
    await house.startWorker();
    const body = Buffer.from([0x7b, 0xff, 0x00, 0x22]);
    await house.publisher.publish({
      exchange: 'tasks',
      routingKey: 'probe.normal',
      body,
      properties: { messageId: randomUUID(), headers: { odd: [1, { deep: Buffer.from('x') }] } },
    });
    const task = await house.submit({ kind: 'finish' });
    await expectOneEffectEach([task.id]);
    await until(async () => (await house.ledger.letters.list({ limit: 10 })).length === 1);
    const [letter] = await house.ledger.letters.list({ limit: 10 });
    expect(letter).toMatchObject({ state: 'parked', code: 'malformed', sourceQueue: workQueue('probe') });
    expect(letter?.body.equals(body)).toBe(true);
  });
});

describe('SIGTERM', () => {
  it('lets a running task finish, gives the rest back, and ends with exit code 0', async () => {
    const worker = await house.startWorker({ WARREN_CONCURRENCY: '1' });
    const gate = house.gate();
    const running = await house.submit({ kind: 'wait', gate }, { name: 'running' });
    await house.journal.until('running', 'started');
    const waiting = await house.submit({ kind: 'finish' }, { name: 'waiting' });
    worker.kill('SIGTERM');
    await until(() => worker.log.some((line) => line.includes('"draining"')));
    house.open(gate);
    expect(await worker.exited).toBe(0);
    await house.untilState(running.id, 'completed');
    expect((await house.ledger.queries.task(waiting.id))?.token).toBe(0);
    await house.startWorker();
    await expectOneEffectEach([running.id, waiting.id]);
  });

  it('releases what does not finish in time: no attempt and no crash is counted', async () => {
    const worker = await house.startWorker({ WARREN_DRAIN_MS: '0' });
    const gate = house.gate();
    const task = await house.submit({ kind: 'wait', gate });
    await house.journal.until('wait', 'started');
    worker.kill('SIGTERM');
    expect(await worker.exited).toBe(0);
    const released = await house.ledger.queries.task(task.id);
    expect(released).toMatchObject({ state: 'queued', attempt: 1, lostTokens: [], lease: null });
    expect(await house.depth(workQueue('probe'))).toBe(1);
    house.open(gate);
    await house.startWorker();
    await expectOneEffectEach([task.id]);
    const runs = await house.ledger.queries.runs(task.id);
    expect(runs.map(({ outcome }) => outcome)).toEqual(['released', 'completed']);
  });

  it('a second signal ends the process at once', async () => {
    const worker = await house.startWorker({ WARREN_DRAIN_MS: '600000' });
    const gate = house.gate();
    const task = await house.submit({ kind: 'wait', gate });
    await house.journal.until('wait', 'started');
    worker.kill('SIGTERM');
    await until(() => worker.log.some((line) => line.includes('"draining"')));
    worker.kill('SIGTERM');
    expect(await worker.exited).not.toBe(0);
    house.open(gate);
    await house.startWorker();
    await expectOneEffectEach([task.id]);
  });
});

describe('SIGTERM during a memory alarm of the broker', () => {
  it('drains as ever: what runs is finished and acked, and the worker ends with exit code 0', async () => {
    const broker = await startOwnBroker();
    const alarmed = await openHouse({ broker });
    try {
      const worker = await alarmed.startWorker();
      const gates = [alarmed.gate(), alarmed.gate()] as const;
      const [first, last] = [
        await alarmed.submit({ kind: 'wait', gate: gates[0] }, { name: 'first' }),
        await alarmed.submit({ kind: 'wait', gate: gates[1] }, { name: 'last' }),
      ];
      await alarmed.journal.until('first', 'started');
      await alarmed.journal.until('last', 'started');
      await raiseMemoryAlarm(broker);
      // A connection is blocked when it publishes next: here the event of the task that ends.
      alarmed.open(gates[0]);
      await until(() => worker.log.some((line) => line.includes('RabbitMQ blocks publishers')));

      worker.kill('SIGTERM');
      await until(() => worker.log.some((line) => line.includes('"draining"')));
      alarmed.open(gates[1]);
      expect(await worker.exited).toBe(0);
      for (const { id } of [first, last]) {
        expect(await alarmed.untilState(id, 'completed')).toMatchObject({ token: 1 });
      }
      // The alarm goes on, and still the broker has heard of the end of the consumer and of both acks.
      const hand = await takeHand(alarmed.amqpUrl);
      const left = [await hand.consumers(workQueue('probe')), await hand.depth(workQueue('probe'))];
      await hand.close();
      expect(left).toEqual([0, 0]);
    } finally {
      await clearMemoryAlarm(broker);
      await alarmed.close();
      await broker.discard();
    }
  }, 120_000);
});

describe('the deadline of an attempt', () => {
  it('ends a handler that listens and one that does not', async () => {
    await house.startProcessor();
    await house.startWorker({ PROBE_TIMEOUT_MS: '200' });
    const listens = await house.submit({ kind: 'wait', gate: house.gate() }, { name: 'listens' });
    const ignores = await house.submit({ kind: 'ignore-signal', gate: house.gate() }, { name: 'ignores' });
    for (const { id } of [listens, ignores]) {
      expect(await house.untilState(id, 'parked')).toMatchObject({ attempt: 3, reasonCode: 'exhausted' });
      const runs = await house.ledger.queries.runs(id);
      expect(runs.map(({ code }) => code)).toEqual(['timeout', 'timeout', 'timeout']);
    }
    await house.expectEmptyQueues();
  });
});
