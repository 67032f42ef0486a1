import { describe, expect, it } from '@jest/globals';
import { LedgerUnavailable } from '@warren/ledger';
import { type Asking, askPatiently, Presence } from './absences.js';

const away = () => new LedgerUnavailable('of this test', new Error('away'));

function asking(given: Partial<Asking> = {}): Asking {
  const signal = new AbortController().signal;
  const givenUp = (absence: string) => new Error(`given up: ${absence}`);
  return { absenceLimitMs: 60_000, silentAfterMs: 60_000, pauseMs: 0, signal, givenUp, ...given };
}

describe('Presence', () => {
  it('tells the cause of an absence once it is known, and once', () => {
    const told: string[] = [];
    const presence = new Presence('the broker', (line) => told.push(line));
    let cause: string | undefined;
    const explain = () => presence.explain(() => cause);
    cause = 'nobody is away';
    explain();
    cause = undefined;
    presence.away('the broker went away');
    explain();
    cause = 'the local stack is down';
    explain();
    explain();
    presence.back();
    presence.away('it went again');
    explain();
    expect(told).toEqual([
      'the broker went away; waiting until it is back',
      'the local stack is down',
      'the broker is back',
      'it went again; waiting until it is back',
      'the local stack is down',
    ]);
  });
});

describe('askPatiently', () => {
  it('asks until the ledger answers, and tells of its absence and of its return once', async () => {
    const told: string[] = [];
    const presence = new Presence('the ledger', (line) => told.push(line));
    let asked = 0;
    const ask = async () => {
      asked += 1;
      if (asked < 4) throw away();
      return 'here';
    };
    expect(await askPatiently(ask, presence, asking())).toBe('here');
    expect(asked).toBe(4);
    expect(told).toEqual([
      'the ledger of this test does not answer: away; waiting until it is back',
      'the ledger is back',
    ]);
  });

  it('tells of a ledger that takes the question and is silent, and goes on waiting', async () => {
    const told: string[] = [];
    let answer: (value: string) => void = () => {};
    const answered = new Promise<string>((resolve) => {
      answer = resolve;
    });
    const presence = new Presence('the ledger', (line) => {
      told.push(line);
      answer('at last');
    });
    expect(await askPatiently(() => answered, presence, asking({ silentAfterMs: 1 }))).toBe('at last');
    expect(told).toEqual(['the ledger has not answered for 1ms; waiting until it is back', 'the ledger is back']);
  });

  it('gives up a ledger that stays away', async () => {
    const presence = new Presence('the ledger', () => undefined);
    await expect(askPatiently(() => Promise.reject(away()), presence, asking({ absenceLimitMs: 20 }))).rejects.toThrow(
      /^given up: the ledger of this test does not answer: away; it has been away for \d+ms$/,
    );
  });

  it('ends with its signal, before it asks, while it asks and while it pauses', async () => {
    const presence = new Presence('the ledger', () => undefined);
    const enough = new Error('enough');
    const never = new Promise<never>(() => {});
    const ended = AbortSignal.abort(enough);
    await expect(askPatiently(async () => 'here', presence, asking({ signal: ended }))).rejects.toBe(enough);

    const whileAsking = new AbortController();
    const silent = askPatiently(() => never, presence, asking({ signal: whileAsking.signal }));
    whileAsking.abort(enough);
    await expect(silent).rejects.toBe(enough);

    const whilePausing = new AbortController();
    const absent = new Presence('the ledger', () => setImmediate(() => whilePausing.abort(enough)));
    const pausing = asking({ signal: whilePausing.signal, pauseMs: 3_600_000 });
    await expect(askPatiently(() => Promise.reject(away()), absent, pausing)).rejects.toBe(enough);
  });

  it('throws what is wrong beside that', async () => {
    const presence = new Presence('the ledger', () => undefined);
    await expect(askPatiently(() => Promise.reject(new Error('other')), presence, asking())).rejects.toThrow('other');
  });
});
