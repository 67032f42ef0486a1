import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defaultSweeperSettings } from '@warren/dead-letters';
import { type Ledger, LedgerUnavailable } from '@warren/ledger';
import { maxHeaderBytes } from '@warren/tasks';
import { type LettersGround, lettersGround, ticketOf } from './support/letters.js';
import { until } from './support/until.js';

let ground: LettersGround;
let ahead: number;
const now = () => Date.now() + ahead;
beforeEach(() => {
  ahead = 0;
});
afterEach(() => ground.dispose(), 60_000);

describe('a claim that reaches the ledger between two questions of the processor', () => {
  it('leaves its task with a debt when it is given back, because its message is gone', async () => {
    ground = await lettersGround();
    const { ledger } = ground;
    const task = await ground.submit({ expiresMs: 300 });
    const { copy, dispatch, id } = ticketOf(await ground.nextMessage());
    const claim = { dispatch, copy, redelivered: false, owner: 'w1', leaseMs: 60_000, maxCrashes: 3, alone: false };
    const late: Ledger = {
      ...ledger,
      async park(taskId, request) {
        const answer = await ledger.claim(id, { ...claim, now: task.createdAt + 200 });
        expect(answer.kind).toBe('run');
        return await ledger.park(taskId, request);
      },
    };
    await until(() => Date.now() > task.createdAt + 400);
    // Its channel is lost: the message is back in the queue after its time, and expires at once.
    await ground.dropWorker();
    await until(async () => (await ground.depths())['dead-letters'] === 1);
    await ground.startProcessor({ ledger: late });
    await until(
      async () => (await ground.task(id)).state === 'running' && (await ground.depths())['dead-letters'] === 0,
    );
    const released = await ledger.release(id, { token: 1, now: Date.now() });
    expect(released.kind).toBe('done');
    expect(await ground.task(id)).toMatchObject({ state: 'queued', owed: 'task' });
  }, 60_000);
});

describe('the debt of a task that was given back', () => {
  it('is paid once: the note of the first publish, which lingers, is no note of the second', async () => {
    ground = await lettersGround();
    const { ledger } = ground;
    const task = await ground.submit();
    const message = await ground.nextMessage();
    const { copy, dispatch } = ticketOf(message);
    const asked = { copy, dispatch, redelivered: false, owner: 'w1', leaseMs: 60_000, maxCrashes: 3, alone: false };
    expect((await ledger.claim(task.id, { ...asked, now: Date.now() })).kind).toBe('run');
    await ledger.release(task.id, { token: 1, now: Date.now() });
    // By the clock of its publisher, which may be ahead.
    await ledger.notePublished(task.id, { dispatch, dispatchedAt: task.dispatchedAt, now: Date.now() + 60_000 });
    expect((await ground.task(task.id)).owed).toBe('task');
    message.ack();
    await ground.dropWorker();
    ahead += defaultSweeperSettings.owedAfterMs + 1_000;
    const sweeper = ground.sweeper({ now, dispatcher: ground.dispatcherBy(now) });
    expect(await sweeper.sweepOnce()).toMatchObject({ owed: 1 });
    await until(async () => (await ground.task(task.id)).owed === null);
    ahead += defaultSweeperSettings.owedAfterMs + 1_000;
    expect(await sweeper.sweepOnce()).toMatchObject({ owed: 0 });
  }, 60_000);
});

describe('a task that is parked', () => {
  it('stands among the parked letters though the ledger goes away between its move and its note', async () => {
    ground = await lettersGround();
    const { dispatcher, ledger, publisher } = ground;
    const stuck = await ground.recordOnly();
    let away = 1;
    const failing: Ledger = {
      ...ledger,
      letters: {
        ...ledger.letters,
        async decide(...given) {
          if (away-- > 0) throw new LedgerUnavailable('test', new Error('away'));
          return await ledger.letters.decide(...given);
        },
      },
    };
    const tooLarge = { messageId: stuck.id, headers: { x: 'x'.repeat(maxHeaderBytes) } };
    const sweeper = ground.sweeper({
      now,
      ledger: failing,
      dispatcher: {
        ...dispatcher,
        dispatch: () =>
          publisher.publish({ exchange: '', routingKey: '', body: Buffer.alloc(0), properties: tooLarge }),
      },
    });
    ahead += defaultSweeperSettings.owedAfterMs + 1_000;
    await expect(sweeper.sweepOnce()).rejects.toThrow(LedgerUnavailable);
    expect(await ground.task(stuck.id)).toMatchObject({ state: 'parked' });
    expect(await ground.letter(stuck.id)).toMatchObject({ state: 'received' });
    ahead += defaultSweeperSettings.quietMs + 1_000;
    await sweeper.sweepOnce();
    expect(await ground.letter(stuck.id)).toMatchObject({ state: 'parked' });
  }, 60_000);

  it('is told of by its letter though a copy of an older one is met in the same moment', async () => {
    ground = await lettersGround({ queueTtlMs: 700 });
    const { ledger } = ground;
    const task = await ground.submit();
    const failed = await ground.failNext({ code: 'network', message: 'no' });
    await ground.dropWorker();
    const meanwhile: Ledger = {
      ...ledger,
      async recover(id, request) {
        await ground.dispatcher.republish(failed, (await ledger.queries.payload(id)) ?? '');
        await until(async () => (await ground.depths())['dead-letters'] === 0);
        return await ledger.recover(id, request);
      },
    };
    await ground.startProcessor({ ledger: meanwhile });
    await until(async () => (await ground.task(task.id)).state === 'parked');
    await ground.untilLetter(task.id, 'parked');
  }, 60_000);
});
