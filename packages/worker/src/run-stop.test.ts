import { describe, expect, it } from '@jest/globals';
import { RunStop, Runs } from './run-stop.js';

const interrupted = (why: string) => ({ kind: 'interrupted', why }) as const;

describe('the stop of a run', () => {
  it('aborts the signal that was asked for before it, and the one that is asked for after it', () => {
    const before = new RunStop();
    const { signal } = before;
    before.stop(interrupted('the worker stops'));
    expect(signal.reason).toMatchObject({ message: 'the worker stops' });
    const after = new RunStop();
    after.stop(interrupted('the worker stops'));
    expect(after.signal).toMatchObject({ aborted: true, reason: { message: 'the worker stops' } });
  });

  it('tells its listener once, of the first reason', () => {
    const stop = new RunStop();
    const told: unknown[] = [];
    stop.onStop(() => told.push(stop.stopped?.message));
    stop.stop(interrupted('first'));
    stop.stop(interrupted('second'));
    expect(told).toEqual(['first']);
    expect(stop.signal.reason).toMatchObject({ message: 'first' });
  });

  it('tells a listener that comes late at once', () => {
    const stop = new RunStop();
    stop.stop(interrupted('first'));
    const told: unknown[] = [];
    stop.onStop(() => told.push(stop.stopped?.message));
    expect(told).toEqual(['first']);
  });

  it('says nothing to a run that has ended', () => {
    const stop = new RunStop();
    const { signal } = stop;
    stop.end();
    stop.stop(interrupted('late'));
    expect([signal.aborted, stop.stopped]).toEqual([false, undefined]);
  });
});

describe('the runs of a worker', () => {
  it('are all stopped, those under way and later ones, but for those that ended', () => {
    const runs = new Runs();
    const [running, ended] = [runs.begin(), runs.begin()];
    runs.end(ended);
    runs.stop(interrupted('the worker stops'));
    const later = runs.begin();
    expect([running, ended, later].map(({ stopped }) => stopped?.message)).toEqual([
      'the worker stops',
      undefined,
      'the worker stops',
    ]);
  });
});
