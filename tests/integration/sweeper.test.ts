import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defaultSweeperSettings, type SweepReport } from '@warren/dead-letters';
import type { Task } from '@warren/ledger';
import { connect } from 'amqplib';
import { claim, type LettersGround, lettersGround, ticketOf } from './support/letters.js';
import { until } from './support/until.js';

let ground: LettersGround;

beforeEach(async () => {
  ground = await lettersGround();
}, 60_000);

afterEach(async () => {
  await ground.dispose();
}, 60_000);

const { emptyMs, overtakenMarginMs, owedAfterMs, quietMs } = defaultSweeperSettings;
const nothing: SweepReport = {
  active: true,
  owed: 0,
  queueEmpty: 0,
  overtaken: 0,
  letters: 0,
  failed: 0,
  settled: 0,
};

/** A clock that the test moves; the broker and the ledger's rows keep real time. */
function clock() {
  let ahead = 0;
  return {
    now: () => Date.now() + ahead,
    advance: (ms: number) => {
      ahead += ms;
    },
  };
}

async function purge(queue: string): Promise<void> {
  const connection = await connect(ground.amqpUrl);
  const channel = await connection.createChannel();
  await channel.purgeQueue(queue);
  await connection.close();
}

/** The confirm is noted with the ledger's next batch. */
async function untilPublished(task: Task): Promise<Task> {
  await until(async () => (await ground.task(task.id)).publishedAt !== null);
  return ground.task(task.id);
}

async function ready(queue: 'tasks.probe' | 'dead-letters'): Promise<number> {
  return (await ground.depths())[queue] ?? Number.NaN;
}

describe('a publish that is owed', () => {
  it('is made good once it is owed for too long, and only once', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now });
    const task = await ground.recordOnly();
    expect(await sweeper.sweepOnce()).toEqual(nothing);
    expect(await ready('tasks.probe')).toBe(0);

    advance(owedAfterMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothing, owed: 1 });
    await untilPublished(task);
    expect(await ground.task(task.id)).toMatchObject({ state: 'queued', dispatch: 1, owed: null });
    expect(await sweeper.sweepOnce()).toEqual(nothing);
    const message = await ground.nextMessage();
    expect(ticketOf(message)).toMatchObject({ id: task.id, dispatch: 1 });
    message.ack();
    expect(await ready('tasks.probe')).toBe(0);
  }, 30_000);

  it('after a crash between move and publish: the retry comes at its time', async () => {
    const { advance, now } = clock();
    const task = await ground.submit();
    const failed = await ground.failNext({ code: 'timeout', message: 'no answer' });
    const dueAt = Date.now() + 200;
    await ground.ledger.retry(task.id, { dispatch: failed.dispatch, now: Date.now(), dueAt });
    advance(owedAfterMs + 1_000);
    expect(await ground.sweeper({ now }).sweepOnce()).toMatchObject({ owed: 1 });
    const message = await ground.nextMessage();
    expect(Date.now()).toBeGreaterThanOrEqual(dueAt);
    expect(ticketOf(message)).toMatchObject({ id: task.id, dispatch: 3 });
    message.ack();
  }, 30_000);

  it('that can not be published stops no other', async () => {
    const { advance, now } = clock();
    const [stuck, other] = [await ground.recordOnly(), await ground.recordOnly()];
    const { dispatcher, publisher } = ground;
    const sweeper = ground.sweeper({
      now,
      dispatcher: {
        ...dispatcher,
        dispatch: async (task, payload) => {
          if (task.id !== stuck.id) return dispatcher.dispatch(task, payload);
          const properties = { messageId: task.id, expiration: 'never' };
          return publisher.publish({ exchange: '', routingKey: 'none', body: Buffer.alloc(0), properties });
        },
      },
    });
    advance(owedAfterMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothing, owed: 1, failed: 1 });
    await untilPublished(other);
    expect(await ground.task(stuck.id)).toMatchObject({ state: 'accepted', owed: 'task' });
  }, 30_000);
});

describe('a lost message', () => {
  it('is published again, the same dispatch, once its queue has been empty for long enough', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now });
    const task = await ground.submit();
    await untilPublished(task);
    await purge('tasks.probe');

    expect(await sweeper.sweepOnce()).toEqual(nothing);
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual(nothing);
    advance(emptyMs);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothing, queueEmpty: 1 });
    const message = await ground.nextMessage();
    expect(ticketOf(message)).toMatchObject({ id: task.id, dispatch: 1 });
    expect(await claim(ground.ledger, message)).toMatchObject({ state: 'running', attempt: 1 });
    message.ack();
  }, 30_000);

  it('is not guessed where the message is still in its queue', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now });
    await untilPublished(await ground.submit());
    for (let round = 0; round < 3; round++) {
      advance(quietMs + emptyMs);
      expect(await sweeper.sweepOnce()).toEqual(nothing);
    }
    expect(await ready('tasks.probe')).toBe(1);
  }, 30_000);

  it('is not guessed again in the next round', async () => {
    const { advance, now } = clock();
    const settings = { ...defaultSweeperSettings, emptyMs: 0 };
    const sweeper = ground.sweeper({ now, settings, dispatcher: ground.dispatcherBy(now) });
    const task = await ground.submit();
    await untilPublished(task);
    await purge('tasks.probe');
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toMatchObject({ queueEmpty: 1 });
    await purge('tasks.probe');
    expect(await sweeper.sweepOnce()).toEqual(nothing);
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toMatchObject({ queueEmpty: 1 });
  }, 30_000);

  it('is found where the queue is never empty: others that came later were served before it', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now, settings: { ...defaultSweeperSettings, overtakenMarginMs: 1 } });
    const lost = await ground.submit({ priority: 4 });
    await untilPublished(lost);
    await purge('tasks.probe');
    await until(() => Date.now() > lost.createdAt + 20);
    const later = await ground.submit({ priority: 4 });
    const untouched = await ground.submit({ priority: 1 });
    await untilPublished(untouched);
    const message = await ground.nextMessage();
    expect(ticketOf(message).id).toBe(later.id);
    await ground.dropWorker();
    advance(quietMs + overtakenMarginMs);
    expect(await ready('tasks.probe')).toBe(2);
    // Nothing has been claimed yet, so nothing is known to have been overtaken.
    expect(await sweeper.sweepOnce()).toEqual(nothing);

    await claim(ground.ledger, await ground.nextMessage(), Date.now(), 1_000_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothing, overtaken: 1 });
    const arrived = [await ground.nextMessage(), await ground.nextMessage()].map((delivery) => ticketOf(delivery).id);
    expect(arrived.sort()).toEqual([lost.id, untouched.id].sort());
  }, 30_000);

  it('of a task whose worker is gone is published again after its lease, and not once a round', async () => {
    const { advance, now } = clock();
    const settings = { ...defaultSweeperSettings, emptyMs: 0 };
    const sweeper = ground.sweeper({ now, settings, dispatcher: ground.dispatcherBy(now) });
    const task = await ground.submit();
    const message = await ground.nextMessage();
    await claim(ground.ledger, message, Date.now(), 1);
    message.ack();
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toMatchObject({ queueEmpty: 1 });
    const again = await ground.nextMessage();
    expect(ticketOf(again)).toMatchObject({ id: task.id, dispatch: 1 });
    again.ack();
    expect(await sweeper.sweepOnce()).toEqual(nothing);
  }, 30_000);

  it('is a letter: it is published again, and decided', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now, settings: { ...defaultSweeperSettings, emptyMs: 0 } });
    const task = await ground.submit();
    await untilPublished(await ground.failNext({ code: 'not-found', message: 'gone' }));
    await purge('dead-letters');
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothing, letters: 1 });
    expect(await ready('dead-letters')).toBe(1);
    await ground.startProcessor();
    await until(async () => (await ground.task(task.id)).state === 'parked');
    expect(await ground.task(task.id)).toMatchObject({ reasonCode: 'not-found' });
  }, 30_000);

  it('is found behind a backlog longer than one round looks at', async () => {
    const { advance, now } = clock();
    const settings = { ...defaultSweeperSettings, batch: 2, overtakenMarginMs: 1 };
    const sweeper = ground.sweeper({ now, settings });
    for (let count = 0; count < 3; count++) await untilPublished(await ground.submit({ priority: 1 }));
    const lost = await ground.submit({ priority: 6 });
    await ground.ledger.published(lost.id, { dispatch: 1, now: Date.now() });
    const first = await ground.nextMessage();
    expect(ticketOf(first).id).toBe(lost.id);
    first.ack();
    await until(() => Date.now() > lost.createdAt + 20);
    await ground.submit({ priority: 6 });
    const deliveries = await Promise.all([1, 2, 3, 4].map(() => ground.nextMessage()));
    const later = deliveries.find(({ properties }) => properties.priority === 6);
    if (!later) throw new Error('the later one did not arrive');
    await claim(ground.ledger, later, Date.now(), 1_000_000);
    later.ack();
    await ground.dropWorker();
    await until(async () => (await ready('tasks.probe')) === 3);

    advance(quietMs + 1_000);
    const reports = [await sweeper.sweepOnce(), await sweeper.sweepOnce()];
    expect(reports.map(({ overtaken }) => overtaken)).toEqual([0, 1]);
    expect(await ready('tasks.probe')).toBe(4);
  }, 30_000);
});

describe('two sweepers at once', () => {
  it('are one: the other does nothing until the lease is over', async () => {
    const { advance, now } = clock();
    const [first, second] = ['a', 'b'].map((owner) => ground.sweeper({ now, owner }));
    if (!first || !second) throw new Error('two sweepers are needed');
    for (let count = 0; count < 5; count++) await ground.recordOnly();
    advance(owedAfterMs + 1_000);
    const reports = await Promise.all([first.sweepOnce(), second.sweepOnce()]);
    expect(reports.filter(({ active }) => active)).toHaveLength(1);
    expect(reports.reduce((sum, { owed }) => sum + owed, 0)).toBe(5);
    await until(async () => (await ready('tasks.probe')) === 5);
    await until(async () => (await ground.ledger.sweeps.owedCount()) === 0);

    const idle = reports[0]?.active ? second : first;
    advance(defaultSweeperSettings.leaseMs + 1);
    expect(await idle.sweepOnce()).toMatchObject({ active: true, owed: 0 });
    expect(await ready('tasks.probe')).toBe(5);
  }, 30_000);

  it('hand over at once when the active one is stopped', async () => {
    const stop = new AbortController();
    const running = ground.sweeper({ owner: 'a' }).run(stop.signal);
    const other = ground.sweeper({ owner: 'b' });
    await until(async () => !(await other.sweepOnce()).active);
    stop.abort();
    await running;
    expect(await other.sweepOnce()).toMatchObject({ active: true });
  }, 30_000);
});

describe('a letter whose task reached its end', () => {
  it('is settled', async () => {
    await ground.startProcessor();
    const task = await ground.submit();
    await ground.failNext({ code: 'timeout', message: 'no answer' });
    const message = await ground.nextMessage();
    const claimed = await claim(ground.ledger, message);
    await ground.ledger.complete(task.id, { token: claimed.token, now: Date.now(), result: '{}', cost: null });
    message.ack();
    expect(await ground.ledger.letters.find(task.id)).toMatchObject({ state: 'retrying' });
    expect(await ground.sweeper().sweepOnce()).toEqual({ ...nothing, settled: 1 });
    expect(await ground.ledger.letters.find(task.id)).toMatchObject({ state: 'settled' });
    expect(await ground.sweeper().sweepOnce()).toEqual(nothing);
  }, 30_000);
});
