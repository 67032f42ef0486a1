import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { LedgerUnavailable } from '@warren/ledger';
import { pino } from 'pino';
import { createLedgerPatience } from './ledger-patience.js';

const log = pino({ level: 'silent' });
const gone = () => new LedgerUnavailable('test', new Error('gone'));

type Wait = (signal: AbortSignal) => Promise<void>;

/** A ledger whose waits are told one by one, a consumer that remembers what it was told, and what a test may change. */
function patienceWith(waits: Wait[], given: { pause?: () => Promise<void> } = {}) {
  const stop = new AbortController();
  const told: string[] = [];
  const world = { draining: false };
  const patience = createLedgerPatience({
    ledger: {
      untilAvailable: async (signal) => {
        told.push('wait');
        await waits.shift()?.(signal);
      },
    },
    consumers: () => [
      {
        pause: async () => {
          told.push('pause');
          await given.pause?.();
        },
        resume: async () => {
          told.push('resume');
        },
      },
    ],
    signal: stop.signal,
    draining: () => world.draining,
    log,
  });
  return { patience, stop, told, world };
}

/** A call that is answered only after it has failed so many times. */
function answeredAfter(failures: number): () => Promise<string> {
  let asked = 0;
  return async () => {
    asked += 1;
    if (asked <= failures) throw gone();
    return 'answer';
  };
}

const untilAborted: Wait = async (signal) => {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
};

describe('patience with the ledger', () => {
  it('lets an answer and an error of the call itself through', async () => {
    const { patience, told } = patienceWith([]);

    expect(await patience.ask(async () => 7)).toBe(7);
    await expect(patience.ask(() => Promise.reject(new Error('a defect')))).rejects.toThrow('a defect');
    expect(told).toEqual([]);
  });

  it('pauses once for all who ask, and asks again when the ledger is back', async () => {
    const { patience, told } = patienceWith([]);

    const answers = await Promise.all([patience.ask(answeredAfter(1)), patience.ask(answeredAfter(1))]);

    expect(answers).toEqual(['answer', 'answer']);
    expect(told).toEqual(['pause', 'wait', 'resume']);
  });

  it('goes on waiting whatever goes wrong with the wait, and consumes again in the end', async () => {
    const { patience, told } = patienceWith([
      () => Promise.reject(Object.assign(new Error('connect ENOENT /run/postgresql'), { code: 'ENOENT' })),
      () => Promise.reject(Object.assign(new Error('read-only transaction'), { code: '25006' })),
      () => Promise.reject(gone()),
    ]);

    expect(await patience.ask(answeredAfter(1))).toBe('answer');

    expect(told).toEqual(['pause', 'wait', 'wait', 'wait', 'wait', 'resume']);
  });

  it('pauses anew when the ledger goes away again', async () => {
    const { patience, told } = patienceWith([]);

    expect(await patience.ask(answeredAfter(2))).toBe('answer');

    expect(told).toEqual(['pause', 'wait', 'resume', 'pause', 'wait', 'resume']);
  });

  it.each([
    ['that fails', () => Promise.reject(new Error('the channel is gone'))],
    // RabbitMQ does not read a connection that it has blocked: the answer to the cancel may take for ever.
    ['that is never answered', () => new Promise<void>(() => undefined)],
  ])('does not depend on a pause %s', async (_, pause) => {
    const { patience, told } = patienceWith([], { pause });

    expect(await patience.ask(answeredAfter(1))).toBe('answer');

    expect(told).toEqual(['pause', 'wait', 'resume']);
  });

  it('ends with the signal, for all who ask; what is paused by then is resumed', async () => {
    const { patience, stop, told } = patienceWith([untilAborted]);
    const asking = Promise.allSettled([patience.ask(answeredAfter(1)), patience.ask(answeredAfter(1))]);

    stop.abort(new Error('stopped'));

    expect((await asking).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(told).toEqual(['pause', 'wait', 'resume']);
  });

  it('resumes nothing while it drains', async () => {
    const { patience, told, world } = patienceWith([]);
    world.draining = true;

    expect(await patience.ask(answeredAfter(1))).toBe('answer');

    expect(told).toEqual(['pause', 'wait']);
  });
});
