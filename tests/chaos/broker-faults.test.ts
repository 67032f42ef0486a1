import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { applyTopology, managementAddress, request } from '@warren/broker';
import type { Task } from '@warren/ledger';
import { exchangeNames, queueNames, topologyFor } from '@warren/topology';
import { z } from 'zod';
import { until } from '../integration/support/until.js';
import { probe } from '../processes/src/probe.js';
import type { AmqpProxy } from './support/amqp-proxy.js';
import type { Crew } from './support/crew.js';
import { type Hand, probeQueue } from './support/hand.js';
import type { House } from './support/house.js';
import { lodge } from './support/lodging.js';
import {
  expectCompletedAgain,
  expectCompletedOnce,
  expectDepths,
  expectRest,
  staleMessage,
} from './support/outcome.js';

const rooms = lodge();
let house: House;
let hand: Hand;
let proxy: AmqpProxy;
let crew: Crew;
let breakable: string;

beforeEach(() => {
  ({ house, hand, proxy, crew, breakable } = rooms());
});

const sweep = () => house.sweeper({ leaseMs: 0 }).sweepOnce();

async function untilNoted(...tasks: readonly Task[]): Promise<void> {
  for (const { id } of tasks) await until(async () => (await house.ledger.queries.task(id))?.owed === null);
}

function applyAgain(): Promise<unknown> {
  const topology = topologyFor({ types: [probe], delay: house.delay.mechanism, profile: 'classic' });
  return applyTopology({ amqpUrl: house.amqpUrl, managementUrl: house.managementUrl, topology });
}

describe('a confirm that never comes', () => {
  it('fails the publish of a worker that lives on: the debt stands, the old message is acked, the sweeper pays', async () => {
    const worker = await crew.worker({ amqpUrl: breakable });
    const hit = proxy.breakAt({ from: 'server', method: 'basic.ack', action: 'drop' });
    const task = await house.submit({ kind: 'fail', code: 'network', attempts: 1 }, { name: 'unconfirmed' });
    const next = await house.submit({ kind: 'finish' }, { name: 'behind-it' });
    await hit;
    // Not acked before the publish has failed.
    expect(worker.logged('publish failed')).toBe(0);
    expect(proxy.seen('client', 'basic.ack')).toBe(0);
    await worker.untilLogged('publish failed');
    expect(await house.ledger.queries.task(task.id)).toMatchObject({ state: 'dead-lettered', owed: 'dead' });
    await expectCompletedOnce(house, next.id, ['completed']);
    await expectDepths(crew, hand, { [queueNames.deadLetters]: 1 });
    expect(await sweep()).toMatchObject({ owed: 1, letters: 0 });
    expect(await hand.depths()).toEqual({ [queueNames.deadLetters]: 2 });
    await crew.worker();
    await crew.processor();
    await expectCompletedOnce(house, task.id, ['failed', 'completed']);
    await until(async () => (await hand.depth(queueNames.deadLetters)) === 0);
    await expectRest(house, crew, hand);
  });

  it('on a connection that has fallen silent is given up with it', async () => {
    const worker = await crew.worker({ amqpUrl: `${breakable}?heartbeat=1` });
    const hit = proxy.breakAt({ from: 'server', method: 'basic.ack', action: 'swallow' });
    const task = await house.submit({ kind: 'fail', code: 'network', attempts: 1 }, { name: 'silent' });
    await hit;
    await worker.untilLogged('publish failed');
    // It consumes on a connection of its own, which still hears the ack.
    expect(await house.ledger.queries.task(task.id)).toMatchObject({ state: 'dead-lettered', owed: 'dead' });
    await expectDepths(crew, hand, { [queueNames.deadLetters]: 1 });
    expect(await sweep()).toMatchObject({ owed: 1 });
    await crew.worker();
    await crew.processor();
    await expectCompletedOnce(house, task.id, ['failed', 'completed']);
    await until(async () => (await hand.depth(queueNames.deadLetters)) === 0);
    await expectRest(house, crew, hand);
  });

  it('fails the publish of a processor: it acks the letter, and the debt stands', async () => {
    const task = await house.submit({ kind: 'fail', code: 'network', attempts: 1 }, { name: 'undecided' });
    await crew.worker();
    await house.untilState(task.id, 'dead-lettered');
    await untilNoted(task);
    await expectDepths(crew, hand, { [queueNames.deadLetters]: 1 });
    const hit = proxy.breakAt({ from: 'server', method: 'basic.ack', action: 'drop' });
    const processor = await crew.processor({ amqpUrl: breakable, publishTimeoutMs: 300 });
    await hit;
    await processor.untilLogged('publish failed');
    await until(async () => (await hand.depth(probeQueue)) === 1);
    await expectDepths(crew, hand, { [probeQueue]: 1 });
    expect(await house.ledger.queries.task(task.id)).toMatchObject({ state: 'retry-scheduled', owed: 'delayed' });
    expect(await sweep()).toMatchObject({ owed: 1 });
    const worker = await crew.worker();
    await expectCompletedOnce(house, task.id, ['failed', 'completed']);
    await worker.untilLogged(staleMessage);
    await expectRest(house, crew, hand);
  });

  it('fails the publish of an intake in time: the task is accepted, and completes once', async () => {
    const submitter = await crew.submitter({ amqpUrl: breakable, publishTimeoutMs: 300 });
    const hit = proxy.breakAt({ from: 'server', method: 'basic.ack', action: 'drop' });
    const { task, published } = await submitter.submit({ kind: 'finish' }, 'intake-unconfirmed');
    await hit;
    expect(published).toBe(false);
    await expectDepths(crew, hand, { [probeQueue]: 1 });
    expect(await sweep()).toMatchObject({ owed: 1 });
    const worker = await crew.worker();
    await expectCompletedOnce(house, task.id, ['completed']);
    await worker.untilLogged(staleMessage);
    await expectRest(house, crew, hand);
  });
});

describe('a connection that the broker closes', () => {
  it('costs a run and no task: the message comes back over the next connection', async () => {
    const gate = house.gate();
    const name = `closed-${randomUUID()}`;
    const worker = crew.spawn('probe-worker.js', { WARREN_WORKER_NAME: name });
    await worker.ready;
    const task = await house.submit({ kind: 'wait', gate }, { name });
    await house.journal.until(name, 'started');
    await closeConnection(name);
    await house.journal.until(name, 'started', 2);
    house.open(gate);
    expect(await expectCompletedAgain(house, task.id)).toBeGreaterThan(1);
    await expectRest(house, crew, hand);
    expect(house.journal.count(name, 'finished')).toBe(1);
  });

  it('leaves nothing that a late handler could settle over the next connection', async () => {
    const gate = house.gate();
    const worker = await crew.worker({ amqpUrl: breakable });
    const before = await house.submit({ kind: 'finish' }, { name: 'tag-1' });
    await expectCompletedOnce(house, before.id, ['completed']);
    const task = await house.submit({ kind: 'ignore-signal', gate }, { name: 'tag-2' });
    await house.journal.until('tag-2', 'started');
    proxy.cutAll();
    await house.journal.until('tag-2', 'started', 2);
    house.open(gate);
    await worker.untilLogged('outcome refused');
    await worker.untilLogged('settlement dropped');
    await expectCompletedOnce(house, task.id, ['superseded', 'completed']);
    await expectRest(house, crew, hand);
    // On the new connection the old tag 2 stands for nothing, and the broker would close the channel over it.
    expect(worker.logged('PRECONDITION_FAILED')).toBe(0);
  });

  const connections = z.array(z.object({ name: z.string(), user_provided_name: z.string().optional() }));

  async function closeConnection(clientName: string): Promise<void> {
    const address = managementAddress(house.amqpUrl, house.managementUrl);
    let found: string | undefined;
    await until(async () => {
      const open = connections.parse(await request(address, 'GET', '/api/connections'));
      found = open.find(({ user_provided_name: given }) => given?.startsWith(clientName))?.name;
      return found !== undefined;
    });
    await request(address, 'DELETE', `/api/connections/${encodeURIComponent(found ?? '')}`);
  }
});

describe('a channel that the broker closes', () => {
  it('under a running task: its consumer opens another, and the task completes once', async () => {
    const gate = house.gate();
    const worker = await crew.worker({ amqpUrl: breakable });
    const hit = proxy.breakAt({ from: 'server', method: 'basic.deliver', action: 'close-channel' });
    const task = await house.submit({ kind: 'wait', gate }, { name: 'channel-406' });
    await hit;
    await worker.untilLogged('PRECONDITION_FAILED');
    // A handler that finished in this instant would leave the message behind, for somebody to find stale.
    await worker.untilLogged('settlement dropped');
    house.open(gate);
    // The loss may be known before the claim: then nothing was begun under it, and nothing is begun again.
    expect(await expectCompletedAgain(house, task.id)).toBeGreaterThanOrEqual(1);
    await expectRest(house, crew, hand);
    expect(house.journal.count('channel-406', 'finished')).toBe(1);
  });

  it('under a copy that is put back: that is tried again, and no place of the worker stays taken', async () => {
    const gate = house.gate();
    const task = await house.submit({ kind: 'wait', gate }, { name: 'held-406' });
    const first = await crew.worker({ leaseMs: 1_000 });
    await house.journal.until('held-406', 'started');
    const other = await crew.worker({ amqpUrl: breakable, leaseMs: 1_000 });
    const hit = proxy.breakAt({ from: 'server', method: 'basic.ack', action: 'drop-and-close-channel' });
    await house.dispatcher.putBack(task, (await house.ledger.queries.payload(task.id)) ?? '', 0);
    await hit;
    house.open(gate);
    await expectCompletedOnce(house, task.id, ['completed']);
    await first.stop();
    const next = await house.submit({ kind: 'finish' }, { name: 'after-it' });
    await expectCompletedOnce(house, next.id, ['completed']);
    // The copy whose confirm was lost, and the one that could not be put back.
    await until(() => first.logged(staleMessage) + other.logged(staleMessage) === 2);
    await expectRest(house, crew, hand);
    expect(house.journal.count('held-406', 'started')).toBe(1);
  });

  it('because an exchange is gone: the publish fails, its debt stands, and the publisher opens another', async () => {
    await hand.deleteExchange(exchangeNames.dead);
    const worker = await crew.worker();
    const task = await house.submit({ kind: 'fail', code: 'network', attempts: 1 }, { name: 'no-exchange' });
    await worker.untilLogged('publish failed');
    const next = await house.submit({ kind: 'finish' }, { name: 'next-one' });
    await expectCompletedOnce(house, next.id, ['completed']);
    await expectDepths(crew, hand, {});
    expect(await house.ledger.queries.task(task.id)).toMatchObject({ state: 'dead-lettered', owed: 'dead' });
    expect(await sweep()).toMatchObject({ owed: 0, failed: 1 });
    await applyAgain();
    await until(async () => (await sweep()).owed === 1);
    await crew.worker();
    await crew.processor();
    await expectCompletedOnce(house, task.id, ['failed', 'completed']);
    await expectRest(house, crew, hand);
  });
});

describe('a work queue that is deleted', () => {
  it('is consumed again once it is there again, and what went with it is published again', async () => {
    const gate = house.gate();
    const worker = await crew.worker();
    const running = await house.submit({ kind: 'wait', gate }, { name: 'in-hand' });
    await house.journal.until('in-hand', 'started');
    const waiting = [];
    for (let index = 0; index < 3; index++)
      waiting.push(await house.submit({ kind: 'finish' }, { name: `gone-${index}` }));
    await untilNoted(...waiting);
    expect(await hand.depth(probeQueue)).toBe(3);
    await hand.deleteQueue(probeQueue);
    await worker.untilLogged('the broker cancelled the consumer');
    // It asks for the queue in vain, which costs it the channel by which its task came.
    await worker.untilLogged('NOT_FOUND');
    await house.untilState(running.id, 'queued');
    await applyAgain();
    await until(async () => (await hand.consumers(probeQueue)) === 1);
    expect(await hand.depths()).toEqual({});
    house.open(gate);
    // What was given back owes its publish again; what nobody had is missed.
    expect(await sweep()).toMatchObject({ owed: 1, queueEmpty: 3 });
    await expectCompletedOnce(house, running.id, ['released', 'completed']);
    for (const { id } of waiting) await expectCompletedOnce(house, id, ['completed']);
    await expectRest(house, crew, hand);
    for (const name of ['in-hand', 'gone-0', 'gone-1', 'gone-2']) expect(house.journal.count(name, 'finished')).toBe(1);
  });
});
