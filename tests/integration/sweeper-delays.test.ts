import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { hasDelayPlugin } from '@warren/broker';
import { defaultSweeperSettings } from '@warren/dead-letters';
import type { Task } from '@warren/ledger';
import { type DelayMechanism, exchangeNames } from '@warren/topology';
import { type Channel, connect } from 'amqplib';
import { freshVhost } from './support/broker.js';
import { type LettersGround, lettersGround, ticketOf } from './support/letters.js';
import { nothingSwept } from './support/sweep-report.js';
import { until } from './support/until.js';

const hasPlugin = await askForPlugin();

describe('what the ladder loses', () => conformance('ladder'));
if (hasPlugin) describe('what the plugin loses', () => conformance('plugin'));
else
  describe.skip('what the plugin loses: this broker lacks rabbitmq_delayed_message_exchange', () =>
    conformance('plugin'));

const { quietMs } = defaultSweeperSettings;

/** Whatever holds the messages back, and however it loses them: the ledger knows when each is due. */
function conformance(mechanism: DelayMechanism): void {
  let ground: LettersGround;

  beforeEach(async () => {
    ground = await lettersGround({ mechanism });
  }, 60_000);
  afterEach(async () => {
    await ground.dispose();
  }, 60_000);

  it('is published again once it is due and quiet; what was only late is not worked twice', async () => {
    let at = 0;
    const now = () => at;
    const settings = { ...defaultSweeperSettings, emptyMs: 0 };
    const sweeper = ground.sweeper({ now, settings, dispatcher: ground.dispatcherBy(now) });
    const lost = await submitDelayed(12, 1_000);
    await byHand((channel) => lose[mechanism](channel, ground, lost.length));
    const late = await submitDelayed(6, 5_000);

    at = Math.min(...lost.map(({ dueAt }) => dueAt)) + quietMs - 1;
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
    at = Math.max(...lost.map(({ dueAt }) => dueAt)) + quietMs;
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, queueEmpty: lost.length });
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
    expect(await workNext(lost.length, now)).toEqual({ completed: idsOf(lost), stale: [] });

    // By the sweeper's clock these are overdue as well, but they are on their way and arrive beside their copies.
    at = Math.max(...late.map(({ dueAt }) => dueAt)) + quietMs;
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, queueEmpty: late.length });
    expect(await workNext(2 * late.length, now)).toEqual({ completed: idsOf(late), stale: idsOf(late) });

    at += quietMs;
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
    for (const { id } of [...lost, ...late]) {
      expect(await ground.task(id)).toMatchObject({ state: 'completed', dispatch: 1 });
      expect((await ground.ledger.queries.runs(id)).map(({ outcome }) => outcome)).toEqual(['completed']);
    }
    await ground.dropWorker();
    const left = await byHand((channel) =>
      Promise.all(ground.topology.queues.map(({ name }) => channel.checkQueue(name))),
    );
    expect(left.filter(({ messageCount }) => messageCount > 0)).toEqual([]);
  }, 60_000);

  /** Resolves once each is on its way, and the ledger says so. */
  async function submitDelayed(count: number, delayMs: number): Promise<readonly Task[]> {
    const tasks = await Promise.all(Array.from({ length: count }, () => ground.submit({ delayMs })));
    for (const { id } of tasks) await until(async () => (await ground.task(id)).publishedAt !== null);
    return tasks;
  }

  /** The next messages of the work queue, as a worker takes them. */
  async function workNext(count: number, now: () => number) {
    const completed: string[] = [];
    const stale: string[] = [];
    for (let met = 0; met < count; met++) {
      const message = await ground.nextMessage();
      const { copy, dispatch, id } = ticketOf(message);
      const run = { dispatch, copy, redelivered: message.redelivered, owner: 'w', maxCrashes: 3, alone: true };
      const answer = await ground.ledger.claim(id, { ...run, now: now(), leaseMs: 5_000 });
      if (answer.kind === 'run') {
        const { token } = answer.task;
        await ground.ledger.complete(id, { token, now: now(), result: '{}', cost: null });
      } else expect(answer.kind).toBe('stale');
      (answer.kind === 'run' ? completed : stale).push(id);
      message.ack();
    }
    return { completed: completed.sort(), stale: stale.sort() };
  }

  async function byHand<Answer>(use: (channel: Channel) => Promise<Answer>): Promise<Answer> {
    const connection = await connect(ground.amqpUrl);
    try {
      return await use(await connection.createChannel());
    } finally {
      await connection.close();
    }
  }
}

/** Takes this many messages out of the delay, so that they never reach their work queue. */
const lose: Readonly<
  Record<DelayMechanism, (channel: Channel, ground: LettersGround, count: number) => Promise<void>>
> = {
  async ladder(channel, { topology }, count) {
    const levels = topology.queues.map(({ name }) => name).filter((name) => name.startsWith('delay.'));
    let purged = 0;
    await until(async () => {
      // From the top down: what moves on meanwhile is met at a lower level.
      for (const level of levels.toReversed()) purged += (await channel.purgeQueue(level)).messageCount;
      return purged === count;
    });
  },
  /** Nobody can reach into it, so its messages are diverted when they are due. */
  async plugin(channel, _ground, count) {
    const { delayed, tasks } = exchangeNames;
    const aside = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(aside.queue, delayed, '');
    await channel.unbindExchange(tasks, delayed, '');
    await until(async () => (await channel.checkQueue(aside.queue)).messageCount === count);
    await channel.unbindQueue(aside.queue, delayed, '');
    await channel.bindExchange(tasks, delayed, '');
  },
};

function idsOf(tasks: readonly Task[]): readonly string[] {
  return tasks.map(({ id }) => id).sort();
}

async function askForPlugin(): Promise<boolean> {
  const { amqpUrl, dispose } = await freshVhost();
  try {
    return await hasDelayPlugin(amqpUrl);
  } finally {
    await dispose();
  }
}
