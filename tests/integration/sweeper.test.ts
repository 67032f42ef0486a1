import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Dispatcher, type MessageProperties, type Publication, PublishError, readyCounts } from '@warren/broker';
import { defaultSweeperSettings, maxCopiesMet, type Sweeper } from '@warren/dead-letters';
import type { Letter, Task } from '@warren/ledger';
import { maxHeaderBytes } from '@warren/tasks';
import { connect } from 'amqplib';
import type { RootOperationNode } from 'kysely';
import Libsql from 'libsql';
import { z } from 'zod';
import { withConnection } from '../../packages/broker/src/inspect-connection.js';
import { type LedgerDatabase, openDatabase } from '../../packages/ledger/src/database.js';
import { createLetters } from '../../packages/ledger/src/letters.js';
import { createSweeps } from '../../packages/ledger/src/sweeps.js';
import { newLetter } from '../fixtures/letter.js';
import { claim, homeless, type LettersGround, lettersGround, probe, ticketOf } from './support/letters.js';
import { TcpProxy } from './support/proxy.js';
import { nothingSwept } from './support/sweep-report.js';
import { until } from './support/until.js';

let ground: LettersGround;

beforeEach(async () => {
  ground = await lettersGround();
}, 60_000);

afterEach(async () => {
  await ground.dispose();
}, 60_000);

const { emptyMs, overtakenMarginMs, owedAfterMs, quietMs } = defaultSweeperSettings;

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

/** `before` answers true for what is not to be dispatched any more, or throws. */
function dispatching(before: (task: Task) => Promise<boolean>): Dispatcher {
  const { dispatcher } = ground;
  return {
    ...dispatcher,
    dispatch: async (task, payload) => ((await before(task)) ? undefined : dispatcher.dispatch(task, payload)),
  };
}

/** Where a round is to break: at its look at the queues, at its end, or because the broker takes nothing. */
type Breakage = 'look' | 'end' | 'publish';

interface BrokenRound extends ReturnType<typeof clock> {
  readonly sweeper: Sweeper;
  readonly breakOff: (place: Breakage) => void;
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

/**
 * Until a message that is published from now on proves, once it is served, that this task's is lost: a publish whose
 * confirm took long is given as long again.
 */
async function untilOvertakable(task: Task, marginMs = 1): Promise<void> {
  const { dispatchedAt, publishedAt } = await untilPublished(task);
  const entered = publishedAt ?? Number.NaN;
  await until(() => Date.now() > entered + Math.max(marginMs, entered - dispatchedAt));
}

async function ready(queue: 'tasks.probe' | 'dead-letters'): Promise<number> {
  return (await ground.depths())[queue] ?? Number.NaN;
}

describe('a publish that is owed', () => {
  it('is made good once it is owed for too long, and only once', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now });
    const task = await ground.recordOnly();
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
    expect(await ready('tasks.probe')).toBe(0);

    advance(owedAfterMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, owed: 1 });
    await untilPublished(task);
    expect(await ground.task(task.id)).toMatchObject({ state: 'queued', dispatch: 1, owed: null });
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
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

  it.each<[string, Partial<MessageProperties>, Partial<Letter>, string]>([
    ['is invalid', { expiration: 'never' }, { code: 'invalid-input', rule: 'permanent' }, 'expiration'],
    ['is too large', { headers: { x: 'x'.repeat(maxHeaderBytes) } }, { code: 'policy-violation' }, 'headers'],
  ])(
    'that %s, so that no broker would ever take it, is parked and stops no other',
    async (_, given, expected, said) => {
      const { advance, now } = clock();
      const [stuck, other] = [await ground.recordOnly(), await ground.recordOnly()];
      const { publisher } = ground;
      const sweeper = ground.sweeper({
        now,
        dispatcher: dispatching(async (task) => {
          if (task.id !== stuck.id) return false;
          const properties = { messageId: task.id, ...given };
          await publisher.publish({ exchange: '', routingKey: 'none', body: Buffer.alloc(0), properties });
          return true;
        }),
      });
      advance(owedAfterMs + 1_000);
      expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, owed: 1, parked: 1 });
      await untilPublished(other);
      expect(await ground.task(stuck.id)).toMatchObject({ state: 'parked', reasonCode: expected.code, owed: null });
      const letter = await ground.ledger.letters.find(stuck.id);
      expect(letter).toMatchObject({ state: 'parked', type: 'probe', ...expected });
      expect(letter?.reason).toContain(said);
      const payload = { text: 'hello' };
      expect(JSON.parse(letter?.body.toString() ?? '')).toMatchObject({ task_id: stuck.id, payload });
      expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
      expect(await ground.operations.replay(stuck.id)).toEqual({ kind: 'done' });
    },
    30_000,
  );

  it.each<[string, () => unknown]>([
    ['is refused', () => new PublishError({ kind: 'nacked' }, { exchange: 'x', routingKey: 'y', messageId: 'z' })],
    ['meets a defect of ours', () => new RangeError('bad row')],
  ])(
    'that %s is tried again, behind the others',
    async (_, failure) => {
      const { advance, now } = clock();
      const stuck = [(await ground.recordOnly()).id, (await ground.recordOnly()).id];
      const youngest = (await ground.task(stuck[1] ?? '')).dispatchedAt;
      await until(() => Date.now() > youngest);
      const other = await ground.recordOnly();
      const sweeper = ground.sweeper({
        now,
        settings: { ...defaultSweeperSettings, batch: 2 },
        dispatcher: dispatching(async (task) => {
          if (stuck.includes(task.id)) throw failure();
          return false;
        }),
      });
      advance(owedAfterMs + 1_000);
      expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, failed: 2 });
      expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, owed: 1 });
      await untilPublished(other);
      expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, failed: 2 });
      for (const id of stuck) expect(await ground.task(id)).toMatchObject({ state: 'accepted', owed: 'task' });
    },
    30_000,
  );

  it('ends the round where nothing would get through', async () => {
    const { advance, now } = clock();
    const settings = { ...defaultSweeperSettings, emptyMs: 0 };
    const lost = [await ground.submit(), await ground.submit()];
    for (const task of lost) await untilPublished(task);
    await purge('tasks.probe');
    let asked = 0;
    const gone = async () => {
      asked += 1;
      const to = { exchange: 'x', routingKey: 'y', messageId: 'z' };
      throw new PublishError({ kind: 'connection-lost', message: 'cut' }, to);
    };
    const sweeper = ground.sweeper({ now, settings, dispatcher: { dispatch: gone, republish: gone } });
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, failed: 1 });
    await ground.recordOnly();
    advance(owedAfterMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, failed: 1 });
    expect(asked).toBe(2);
  }, 30_000);
});

describe('a lost message', () => {
  it('is published again, the same dispatch, once its queue has been empty for long enough', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now });
    const task = await ground.submit();
    await untilPublished(task);
    await purge('tasks.probe');

    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
    advance(emptyMs);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, queueEmpty: 1 });
    const message = await ground.nextMessage();
    expect(ticketOf(message)).toMatchObject({ id: task.id, dispatch: 1 });
    expect(await claim(ground.ledger, message)).toMatchObject({ state: 'running', attempt: 1 });
    message.ack();
  }, 30_000);

  it.each<[string, (round: BrokenRound) => Promise<unknown>]>([
    [
      'broke off before its look at the queues',
      async ({ breakOff, sweeper }) => {
        breakOff('look');
        await expect(sweeper.sweepOnce()).rejects.toThrow('broken');
      },
    ],
    [
      'broke off after it',
      async ({ breakOff, sweeper }) => {
        breakOff('end');
        await expect(sweeper.sweepOnce()).rejects.toThrow('broken');
      },
    ],
    [
      'came to nothing because another one sweeps',
      async ({ advance, now, sweeper }) => {
        advance(defaultSweeperSettings.leaseMs);
        await ground.ledger.leases.acquire('sweeper', 'another', now(), 1_000);
        expect(await sweeper.sweepOnce()).toMatchObject({ active: false });
        await ground.ledger.leases.release('sweeper', 'another');
      },
    ],
    [
      'did not look because the broker took nothing',
      async ({ advance, breakOff, sweeper }) => {
        const task = await ground.recordOnly();
        advance(owedAfterMs + 1_000);
        breakOff('publish');
        expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, failed: 1 });
        await ground.ledger.cancel(task.id, { now: Date.now(), reason: 'of no more use' });
      },
    ],
  ])(
    'is not guessed by how empty its queue was before a round that %s',
    async (_, brokenRound) => {
      const { advance, now } = clock();
      let broken: Breakage | undefined;
      const breakOff = (place: Breakage) => {
        broken = place;
      };
      const failAt = (place: Breakage) => {
        if (broken === place) throw new Error('broken');
      };
      const { letters } = ground.ledger;
      const sweeper = ground.sweeper({
        now,
        readyCounts: async (queues) => {
          failAt('look');
          return readyCounts(ground.amqpUrl, queues);
        },
        ledger: {
          ...ground.ledger,
          letters: {
            ...letters,
            settleFinished: async (...given) => {
              failAt('end');
              return letters.settleFinished(...given);
            },
          },
        },
        dispatcher: dispatching(async () => {
          const to = { exchange: 'x', routingKey: 'y', messageId: 'z' };
          if (broken === 'publish') throw new PublishError({ kind: 'connection-lost', message: 'cut' }, to);
          return false;
        }),
      });
      await untilPublished(await ground.submit());
      await purge('tasks.probe');
      advance(quietMs + 1_000);
      expect(await sweeper.sweepOnce()).toEqual(nothingSwept);

      await brokenRound({ advance, now, sweeper, breakOff });
      broken = undefined;
      advance(emptyMs);
      expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
      advance(emptyMs);
      expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, queueEmpty: 1 });
    },
    30_000,
  );

  it('that can not be published again now stops no other, and is tried again', async () => {
    const { advance, now } = clock();
    const settings = { ...defaultSweeperSettings, emptyMs: 0 };
    const [bad, other] = [await ground.submit(), await ground.submit()];
    for (const task of [bad, other]) await untilPublished(task);
    await purge('tasks.probe');
    let broken = true;
    const byClock = ground.dispatcherBy(now);
    const dispatcher: Dispatcher = {
      ...byClock,
      republish: async (task, payload) => {
        if (broken && task.id === bad.id) throw new RangeError('bad row');
        await byClock.republish(task, payload);
      },
    };
    const sweeper = ground.sweeper({ now, settings, dispatcher });
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, queueEmpty: 1, failed: 1 });
    const message = await ground.nextMessage();
    expect(ticketOf(message).id).toBe(other.id);
    broken = false;
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, queueEmpty: 1 });
    expect(ticketOf(await ground.nextMessage()).id).toBe(bad.id);
  }, 30_000);

  it('is not guessed where the message is still in its queue', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now });
    await untilPublished(await ground.submit());
    for (let round = 0; round < 3; round++) {
      advance(quietMs + emptyMs);
      expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
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
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toMatchObject({ queueEmpty: 1 });
  }, 30_000);

  it('is found where the queue is never empty: others that came later were served before it', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now, settings: { ...defaultSweeperSettings, overtakenMarginMs: 1 } });
    const lost = await ground.submit({ priority: 4 });
    await untilOvertakable(lost);
    await purge('tasks.probe');
    const later = await ground.submit({ priority: 4 });
    const untouched = await ground.submit({ priority: 1 });
    await untilPublished(untouched);
    const message = await ground.nextMessage();
    expect(ticketOf(message).id).toBe(later.id);
    await ground.dropWorker();
    advance(quietMs + overtakenMarginMs);
    expect(await ready('tasks.probe')).toBe(2);
    // Nothing has been claimed yet, so nothing is known to have been overtaken.
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);

    await claim(ground.ledger, await ground.nextMessage(), Date.now(), 1_000_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, overtaken: 1 });
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
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
  }, 30_000);

  it('is a letter: it is published again, and decided', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now, settings: { ...defaultSweeperSettings, emptyMs: 0 } });
    const task = await ground.submit();
    await untilPublished(await ground.failNext({ code: 'not-found', message: 'gone' }));
    await purge('dead-letters');
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, letters: 1 });
    expect(await ready('dead-letters')).toBe(1);
    await ground.startProcessor();
    await until(async () => (await ground.task(task.id)).state === 'parked');
    expect(await ground.task(task.id)).toMatchObject({ reasonCode: 'not-found' });
  }, 30_000);

  it('is a letter, found though its queue is never empty: one that came later was decided', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now, settings: { ...defaultSweeperSettings, overtakenMarginMs: 1 } });
    const task = await ground.submit();
    const lost = await untilPublished(await ground.failNext({ code: 'not-found', message: 'gone' }));
    await purge('dead-letters');
    await untilOvertakable(lost);
    const later = await ground.submit();
    await untilPublished(await ground.failNext({ code: 'not-found', message: 'gone' }));
    advance(quietMs + 1_000);
    expect(await ready('dead-letters')).toBe(1);
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);

    const processor = await ground.startProcessor();
    await ground.untilLetter(later.id, 'parked');
    await processor.stop();
    const waiting = await ground.submit();
    await untilPublished(await ground.failNext({ code: 'not-found', message: 'gone' }));
    expect(await ready('dead-letters')).toBe(1);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, letters: 1 });
    await ground.startProcessor();
    for (const { id } of [task, waiting]) await until(async () => (await ground.task(id)).state === 'parked');
    expect(await ground.task(task.id)).toMatchObject({ reasonCode: 'not-found' });
  }, 30_000);

  it('is a letter, found though those before it can not be published again', async () => {
    const { advance, now } = clock();
    const tasks = await failInTurn(3);
    await purge('dead-letters');
    const stuck = tasks.slice(0, 2).map(({ id }) => id);
    const byClock = ground.dispatcherBy(now);
    const dispatcher: Dispatcher = {
      ...byClock,
      republish: async (task, payload) => {
        if (stuck.includes(task.id)) throw new RangeError('bad row');
        await byClock.republish(task, payload);
      },
    };
    const settings = { ...defaultSweeperSettings, emptyMs: 0, batch: 2 };
    const sweeper = ground.sweeper({ now, settings, dispatcher });
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, failed: 2 });
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, letters: 1 });
    await purge('dead-letters');
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, failed: 2 });
  }, 30_000);

  it('is a letter, found where as many are undecided as one round looks at: the queue is looked at each time', async () => {
    const { advance, now } = clock();
    await failInTurn(2);
    await purge('dead-letters');
    const sweeper = ground.sweeper({ now, settings: { ...defaultSweeperSettings, batch: 2 } });
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
    advance(emptyMs);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, letters: 2 });
  }, 30_000);

  it('is a letter that is never decided: it is parked in the end', async () => {
    const { advance, now } = clock();
    const settings = { ...defaultSweeperSettings, emptyMs: 0 };
    const sweeper = ground.sweeper({ now, settings, dispatcher: ground.dispatcherBy(now) });
    const task = await ground.submit();
    await untilPublished(await ground.failNext({ code: 'timeout', message: 'no answer' }));
    // It does not know the type, so it keeps every copy raw.
    await ground.startProcessor({ types: [] });
    let rounds = 0;
    for (; (await ground.task(task.id)).state !== 'parked'; rounds++) {
      await until(async () => (await ready('dead-letters')) === 0);
      advance(quietMs + 1_000);
      const report = await sweeper.sweepOnce();
      expect({ ...report, letters: report.letters + report.parked, parked: 0 }).toEqual({
        ...nothingSwept,
        letters: 1,
      });
    }
    expect(rounds).toBe(maxCopiesMet + 1);
    const letter = await ground.ledger.letters.find(task.id);
    expect(letter).toMatchObject({ state: 'parked', code: 'unknown', reason: expect.stringContaining('no answer') });
    const raw = (await ground.ledger.letters.list({ limit: 100 })).filter(({ taskId }) => taskId === null);
    expect(raw).toMatchObject([{ code: 'unsupported-action', timesSeen: maxCopiesMet + 1 }]);
    expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
    expect(await ground.operations.replay(task.id)).toEqual({ kind: 'done' });
  }, 60_000);

  it('is published again as well where its type is unknown here', async () => {
    const { advance, now } = clock();
    const settings = { ...defaultSweeperSettings, emptyMs: 0 };
    await untilPublished(await ground.submit());
    await purge('tasks.probe');
    advance(quietMs + 1_000);
    expect(await ground.sweeper({ now, settings, types: [] }).sweepOnce()).toEqual({ ...nothingSwept, queueEmpty: 1 });
    expect(await ready('tasks.probe')).toBe(1);
  }, 30_000);

  it('of a type that is unknown here, and whose queue is gone, parks its task; of one that is known it waits', async () => {
    const { advance, now } = clock();
    const task = await untilPublished(await ground.submit({}, homeless));
    await purge('unroutable');
    const known = ground.sweeper({ now });
    const unknown = ground.sweeper({ now, types: [probe] });
    advance(quietMs + 1_000);
    expect(await unknown.sweepOnce()).toEqual(nothingSwept);
    advance(emptyMs);
    expect(await known.sweepOnce()).toEqual(nothingSwept);
    expect(await unknown.sweepOnce()).toEqual({ ...nothingSwept, parked: 1 });
    expect(await ground.task(task.id)).toMatchObject({ state: 'parked', reasonCode: 'unroutable' });
    expect(await ground.ledger.letters.find(task.id)).toMatchObject({ state: 'parked', rule: 'unroutable' });
  }, 30_000);

  it('of such a type parks its task as well where a worker had it and was lost with the queue', async () => {
    const { advance, now } = clock();
    const task = await untilPublished(await ground.submit({}, homeless));
    await claimNow(task, 1);
    const sweeper = ground.sweeper({ now, types: [probe], settings: { ...defaultSweeperSettings, emptyMs: 0 } });
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, queueEmpty: 1 });
    expect(await untilPublished(await ground.task(task.id))).toMatchObject({ dispatch: 2, lease: null });
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, parked: 1 });
    expect(await ground.task(task.id)).toMatchObject({ state: 'parked', reasonCode: 'unroutable' });
    expect(await ground.ledger.queries.runs(task.id)).toMatchObject([{ outcome: 'lost' }]);
    expect(await ground.ledger.letters.find(task.id)).toMatchObject({ state: 'parked', timesSeen: 1 });
  }, 30_000);

  it('whose task is parked is told to whoever waits for it or watches it', async () => {
    const { advance, now } = clock();
    const [told, replies]: [string[], Publication[]] = [[], []];
    const task = await untilPublished(await ground.submit({ replyTo: 'caller', correlationId: 'c-1' }, homeless));
    const sweeper = ground.sweeper({
      now,
      types: [probe],
      settings: { ...defaultSweeperSettings, emptyMs: 0 },
      events: { publish: ({ routingKey }) => told.push(routingKey) > 0 },
      publisher: { publish: async (publication) => void replies.push(publication) },
    });
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, parked: 1 });
    expect(told).toEqual([`homeless.${task.id}.parked`]);
    expect(replies).toMatchObject([{ routingKey: 'caller', properties: { correlationId: 'c-1' } }]);
    expect(JSON.parse(replies[0]?.body.toString() ?? '')).toMatchObject({ task_id: task.id, state: 'parked' });
  }, 30_000);

  it('whose queue takes nothing does not hold up the round, nor another queue, nor the next one of its own', async () => {
    const { advance, now } = clock();
    await ground.submit();
    const letter = await untilPublished(await ground.failNext({ code: 'not-found', message: 'gone' }));
    await purge('dead-letters');
    await ground.dropWorker();
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) ids.push((await untilPublished(await ground.submit())).id);
    await purge('tasks.probe');
    const asked: string[] = [];
    const byClock = ground.dispatcherBy(now);
    const stuck: Dispatcher = {
      ...byClock,
      republish: async (task, payload) => {
        if (task.id === letter.id) return byClock.republish(task, payload);
        asked.push(task.id);
        const failure = { kind: 'timed-out', waitedFor: 'confirm', timeoutMs: 10_000 } as const;
        throw new PublishError(failure, { exchange: 'x', routingKey: 'y', messageId: task.id });
      },
    };
    const settings = { ...defaultSweeperSettings, emptyMs: 0 };
    const sweeper = ground.sweeper({ now, settings, dispatcher: stuck });
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, failed: 3, letters: 1 });
    const first = asked.splice(0);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, failed: 3 });
    expect([...first, ...asked.slice(0, 2)].toSorted()).toEqual(ids.toSorted());
    expect(asked[2]).toBe(first[0]);
  }, 30_000);

  it('is found where one of a lower priority that came later was served before it', async () => {
    const { advance, now } = clock();
    const sweeper = ground.sweeper({ now, settings: { ...defaultSweeperSettings, overtakenMarginMs: 1 } });
    const lost = await untilPublished(await ground.submit({ priority: 7 }));
    await purge('tasks.probe');
    await untilOvertakable(lost);
    await ground.submit({ priority: 4 });
    await claim(ground.ledger, await ground.nextMessage(), Date.now(), 1_000_000);
    const waiting = await untilPublished(await ground.submit({ priority: 1 }));
    await ground.dropWorker();
    advance(quietMs + 1_000);
    expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, overtaken: 1 });
    const arrived = [await ground.nextMessage(), await ground.nextMessage(), await ground.nextMessage()];
    expect(arrived.map((delivery) => ticketOf(delivery).id)).toEqual(expect.arrayContaining([lost.id, waiting.id]));
  }, 30_000);

  it.each([0, 2])(
    'is found behind a backlog longer than one round looks at, though %i leave it meanwhile',
    async (leaving) => {
      const { advance, now } = clock();
      const settings = { ...defaultSweeperSettings, batch: 2, overtakenMarginMs: 1 };
      const sweeper = ground.sweeper({ now, settings });
      const backlog: Task[] = [];
      for (let count = 0; count < 3; count++) {
        const task = await untilPublished(await ground.submit({ priority: 1 }));
        backlog.push(task);
        await until(() => Date.now() > (task.publishedAt ?? Number.NaN));
      }
      const lost = await ground.submit({ priority: 6 });
      const first = await ground.nextMessage();
      expect(ticketOf(first).id).toBe(lost.id);
      first.ack();
      await untilOvertakable(lost);
      await claimNow(await ground.submit({ priority: 6 }));
      await ground.dropWorker();
      await until(async () => (await ready('tasks.probe')) === 4);

      advance(quietMs + 1_000);
      expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
      for (const task of backlog.slice(0, leaving)) await claimNow(task);
      expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, overtaken: 1 });
      expect(await ready('tasks.probe')).toBe(5);
    },
    30_000,
  );

  /** Tasks whose dead letters are published, each later than the one before. */
  async function failInTurn(count: number): Promise<readonly Task[]> {
    const tasks: Task[] = [];
    for (let each = 0; each < count; each++) {
      await ground.submit();
      const task = await untilPublished(await ground.failNext({ code: 'not-found', message: 'gone' }));
      tasks.push(task);
      await until(() => Date.now() > (task.publishedAt ?? Number.NaN));
    }
    return tasks;
  }

  /** Under a lease that no test outlives, unless it is to. */
  async function claimNow({ id }: Task, leaseMs = 1_000_000): Promise<void> {
    const run = { dispatch: 1, copy: 'c', redelivered: false, owner: 'w', maxCrashes: 3, alone: true };
    await ground.ledger.claim(id, { ...run, now: Date.now(), leaseMs });
  }
});

describe('a look at the queues', () => {
  it('ends though the broker does not answer any more when it is to close', async () => {
    const proxy = await TcpProxy.to(ground.amqpUrl);
    const looked = withConnection(proxy.through(ground.amqpUrl), async () => {
      proxy.stall();
      return 'seen';
    });
    expect(await looked).toBe('seen');
    await proxy.stop();
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

const planSteps = z.array(z.object({ detail: z.string() }));

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
    expect(await ground.sweeper().sweepOnce()).toEqual({ ...nothingSwept, settled: 1 });
    expect(await ground.ledger.letters.find(task.id)).toMatchObject({ state: 'settled' });
    expect(await ground.sweeper().sweepOnce()).toEqual(nothingSwept);
  }, 30_000);

  it('is found a part at a time, and by its letter: nothing that ever ended is read each time', async () => {
    const after = { id: 'a', lastSeen: 1 };
    const steps = await stepsOf((database) =>
      createLetters(database, () => 'none').settleFinished('parked', Date.now(), 10, after),
    );
    expect(steps).toContain('SEARCH dead_letters USING INDEX dead_letters_by_state (state=? AND last_seen>?)');
    expect(steps.filter((step) => / tasks /.test(step))).toEqual([
      expect.stringMatching(/^SEARCH tasks USING .*\(id=\?\)$/),
    ]);
  }, 30_000);

  /** How SQLite goes about what `ask` asks of the ledger. */
  async function stepsOf(ask: (database: LedgerDatabase) => Promise<unknown>): Promise<readonly string[]> {
    const nodes: RootOperationNode[] = [];
    const database = openDatabase(ground.ledgerUrl);
    const recorded = database.db.withPlugin({
      transformQuery: ({ node }) => {
        nodes.push(node);
        return node;
      },
      transformResult: async ({ result }) => result,
    });
    await ask({ ...database, db: recorded });
    const asked = nodes.map((node) => database.db.getExecutor().compileQuery(node, { queryId: 'plan' }));
    await database.db.destroy();

    const file = new Libsql(ground.ledgerUrl);
    const steps = asked.flatMap(({ parameters, sql }) =>
      planSteps.parse(file.prepare(`explain query plan ${sql}`).all(...parameters)).map(({ detail }) => detail),
    );
    file.close();
    return steps;
  }

  describe('of a parked task', () => {
    it('is told of it with its next step, once whoever parked it has had the time to', async () => {
      const task = await ground.submit();
      const failed = await ground.failNext({ code: 'not-found', message: 'no such file' });
      // Its processor ends between the move and the note.
      const { letter } = await ground.ledger.letters.receive(
        newLetter({ taskId: task.id, dispatch: failed.dispatch, code: 'not-found' }),
        Date.now(),
      );
      const { dispatch } = failed;
      const park = { dispatch, now: Date.now(), code: 'not-found', reason: 'no such file' } as const;
      await ground.ledger.park(task.id, park);
      const { advance, now } = clock();
      const sweeper = ground.sweeper({ now });
      expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
      advance(quietMs + 1_000);
      expect(await sweeper.sweepOnce()).toEqual({ ...nothingSwept, told: 1 });
      expect(await ground.letter(task.id)).toMatchObject({
        id: letter.id,
        state: 'parked',
        code: 'not-found',
        reason: 'no such file',
        rule: 'not-found',
        advice: expect.stringContaining('replay'),
      });
      expect(await sweeper.sweepOnce()).toEqual(nothingSwept);
    }, 30_000);

    it('is found a part at a time: not all that wait for a person are read each time', async () => {
      const after = { id: 'a', dispatchedAt: 1 };
      const steps = await stepsOf((database) => createSweeps(database).untold(Date.now(), 10, after));
      expect(steps).toContain(
        'SEARCH tasks USING COVERING INDEX tasks_parked (state=? AND (dispatched_at,id)>(?,?) AND dispatched_at<?)',
      );
      expect(steps.filter((step) => / dead_letters /.test(step))).toEqual([
        'SEARCH dead_letters USING INDEX dead_letters_by_task (task_id=?)',
      ]);
    }, 30_000);
  });
});
