import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { PrivateBroker } from '@warren/local';
import { queueNames } from '@warren/topology';
import { clearMemoryAlarm, raiseMemoryAlarm } from '../integration/support/alarm.js';
import { startOwnBroker } from '../integration/support/broker.js';
import { until } from '../integration/support/until.js';
import { type Crew, createCrew } from './support/crew.js';
import { type Hand, ladderQueues, probeQueue, takeHand } from './support/hand.js';
import { type House, openHouse } from './support/house.js';
import { expectCompletedAgain, expectCompletedOnce, expectRest } from './support/outcome.js';

let broker: PrivateBroker;
let house: House;
let crew: Crew;

beforeAll(async () => {
  broker = await startOwnBroker();
  house = await openHouse({ broker });
}, 120_000);

afterAll(async () => {
  await house?.close();
  await broker?.discard();
}, 60_000);

beforeEach(() => {
  crew = createCrew(house);
});

afterEach(() => crew.dismiss());

/** A hand does not outlive its connection. */
async function byHand<Answer>(use: (hand: Hand) => Promise<Answer>): Promise<Answer> {
  const hand = await takeHand(house.amqpUrl);
  try {
    return await use(hand);
  } finally {
    await hand.close();
  }
}

describe('a broker that blocks its publishers', () => {
  it('holds nothing up in the ledger: what is worked completes, what is submitted is owed, and all goes on after', async () => {
    const gate = house.gate();
    await crew.worker();
    const running = await house.submit({ kind: 'wait', gate }, { name: 'blocked-running' });
    const queued = await house.submit({ kind: 'finish' }, { name: 'blocked-queued' });
    await house.journal.until('blocked-running', 'started');
    const submitter = await crew.submitter({ publishTimeoutMs: 500 });

    await raiseMemoryAlarm(broker);
    // The broker says so to a connection once that publishes; the publish that made it say so may yet be confirmed.
    const first = await submitter.submit({ kind: 'finish' }, 'blocked-first');
    await until(() => submitter.connection.blockedReason !== undefined);
    const second = await submitter.submit({ kind: 'finish' }, 'blocked-second');
    expect(second.published).toBe(false);
    expect(await house.ledger.queries.task(second.task.id)).toMatchObject({ state: 'accepted', owed: 'task' });
    house.open(gate);
    await expectCompletedOnce(house, running.id, ['completed']);

    await clearMemoryAlarm(broker);
    await until(() => submitter.connection.blockedReason === undefined);
    const debts = await house.ledger.sweeps.owedCount();
    const { failed, owed } = await house.sweeper({ leaseMs: 0 }).sweepOnce();
    // What was sent before the broker said so arrives now, and whoever claims it ends its debt. The second was never sent.
    expect(owed).toBeGreaterThanOrEqual(1);
    expect(owed).toBeLessThanOrEqual(debts);
    expect(failed).toBe(0);
    for (const { id } of [running, queued, first.task, second.task])
      await expectCompletedOnce(house, id, ['completed']);
    await byHand((hand) => until(async () => Object.keys(await hand.depths()).length === 0));
    await byHand((hand) => expectRest(house, crew, hand));
    const names = ['blocked-running', 'blocked-queued', 'blocked-first', 'blocked-second'];
    for (const name of names) expect(house.journal.count(name, 'started')).toBe(1);
  }, 120_000);
});

describe('a broker that restarts', () => {
  it.each([
    ['stopped', () => broker.stop()],
    ['killed', () => broker.kill()],
  ])(
    'after it was %s: running, queued, delayed and dead-lettered tasks complete, each once',
    async (how, end) => {
      const gate = house.gate();
      const failed = await house.submit({ kind: 'fail', code: 'network', attempts: 1 }, { name: `failed-${how}` });
      await crew.worker({ concurrency: 2 });
      await house.untilState(failed.id, 'dead-lettered');
      const running = await house.submit({ kind: 'wait', gate }, { name: `running-${how}` });
      const deaf = await house.submit({ kind: 'ignore-signal', gate }, { name: `deaf-${how}` });
      await house.journal.until(`running-${how}`, 'started');
      await house.journal.until(`deaf-${how}`, 'started');
      const queued = [];
      for (let index = 0; index < 3; index++)
        queued.push(await house.submit({ kind: 'finish' }, { name: `queued-${how}-${index}` }));
      const delayed = [];
      for (const delayMs of [2_000, 10_000])
        delayed.push(await house.submit({ kind: 'finish' }, { name: `delayed-${how}-${delayMs}`, delayMs }));
      await until(async () => (await house.ledger.sweeps.owedCount()) === 0);
      const depths = await byHand((hand) => hand.depths());
      expect(depths).toMatchObject({ [probeQueue]: 3, [queueNames.deadLetters]: 1 });
      const waiting = ladderQueues.reduce((sum, queue) => sum + (depths[queue] ?? 0), 0);
      expect(waiting).toBe(2);

      await end();
      await broker.start();
      house.open(gate);
      await crew.processor();

      // Nobody sweeps here: whatever the broker confirmed it has kept.
      expect(await expectCompletedAgain(house, running.id)).toBeGreaterThan(1);
      // It may have been done before anybody else had its message: then its result counts.
      await expectCompletedAgain(house, deaf.id);
      for (const { id } of [...queued, ...delayed]) await expectCompletedOnce(house, id, ['completed']);
      await expectCompletedOnce(house, failed.id, ['failed', 'completed']);
      await byHand((hand) => until(async () => Object.keys(await hand.depths()).length === 0));
      await byHand((hand) => expectRest(house, crew, hand));
      for (const name of [`queued-${how}-0`, `delayed-${how}-2000`, `delayed-${how}-10000`])
        expect(house.journal.count(name, 'started')).toBe(1);
    },
    120_000,
  );
});
