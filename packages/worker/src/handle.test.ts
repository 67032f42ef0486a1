import { describe, expect, it } from '@jest/globals';
import { defineTaskType, maxResultBytes, TaskFailure } from '@warren/tasks';
import { pino } from 'pino';
import { z } from 'zod';
import { handle, minSnoozeMs } from './handle.js';
import { completed, type Handler, snoozed } from './handler.js';
import { RunStop } from './run-stop.js';

const type = defineTaskType({
  name: 'double',
  summary: 'doubles a number',
  input: z.object({ number: z.number() }),
  result: z.object({ doubled: z.union([z.number(), z.string()]) }),
});

type DoubleHandler = Handler<{ number: number }, { doubled: number | string }>;

function run(handler: DoubleHandler, payload: unknown = { number: 2 }, stop = new RunStop()) {
  return handle({
    type,
    handler,
    taskId: 'a',
    attempt: 1,
    payload,
    deadlineAt: 0,
    stop,
    onProgress: () => undefined,
    log: pino({ level: 'silent' }),
  });
}

describe('handle', () => {
  it('gives the result as JSON, with its cost', async () => {
    const outcome = await run(async ({ number }) =>
      completed({ doubled: number * 2 }, { steps: 1, broken: Number.NaN }),
    );
    expect(outcome).toEqual({ kind: 'completed', result: '{"doubled":4}', cost: '{"steps":1}' });
  });

  it('names the field of an input that does not fit', async () => {
    const outcome = await run(async () => completed({ doubled: 0 }), { number: 'two' });
    expect(outcome).toMatchObject({ kind: 'failed', failure: { code: 'invalid-input' } });
    expect(JSON.stringify(outcome)).toContain('payload.number');
  });

  it('keeps the reason code that a handler throws, and calls everything else unknown', async () => {
    const limited = await run(async () => {
      throw new TaskFailure('rate-limited', 'slow down', { retryAfterMs: 500 });
    });
    expect(limited).toMatchObject({ failure: { code: 'rate-limited', message: 'slow down', retryAfterMs: 500 } });
    const broken = await run(() => {
      throw new TypeError('x is not a function');
    });
    expect(broken).toMatchObject({ kind: 'failed', failure: { code: 'unknown', message: 'x is not a function' } });
  });

  it('refuses a result that breaks its contract or is too large', async () => {
    const oversized = await run(async () => completed({ doubled: 'x'.repeat(maxResultBytes) }));
    expect(oversized).toMatchObject({ kind: 'failed', failure: { code: 'policy-violation' } });
    const wrong: DoubleHandler = async () => JSON.parse('{"kind":"completed","result":{"doubled":null}}');
    expect(await run(wrong)).toMatchObject({ kind: 'failed', failure: { code: 'unknown' } });
  });

  it('refuses a snooze that no clock can tell', async () => {
    for (const delayMs of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      expect(await run(async () => snoozed(delayMs, 'limit'))).toMatchObject({
        kind: 'failed',
        failure: { code: 'unknown' },
      });
    }
  });

  it('snoozes', async () => {
    expect(await run(async () => snoozed(250.5, 'limit'))).toEqual({ kind: 'snoozed', delayMs: 251, reason: 'limit' });
  });

  it('lets nothing come back at once, over and over', async () => {
    expect(await run(async () => snoozed(0, 'limit'))).toMatchObject({ kind: 'snoozed', delayMs: minSnoozeMs });
  });

  it.each(['{"kind":"finished"}', '{}', 'null', '7'])(
    'takes %s, which is no outcome, for a failure',
    async (returned) => {
      expect(await run(async () => JSON.parse(returned))).toMatchObject({
        kind: 'failed',
        failure: { code: 'unknown', message: expect.stringContaining('neither completed() nor snoozed()') },
      });
    },
  );

  it('tells by the reason of the abort what ended a handler, not by what it threw', async () => {
    const waits: DoubleHandler = (_, { signal }) =>
      new Promise((_, reject) => {
        if (signal.aborted) reject(new Error('something else'));
        signal.addEventListener('abort', () => reject(new Error('something else')));
      });
    const timeout = new RunStop();
    const timedOut = run(waits, undefined, timeout);
    timeout.stop({ kind: 'timeout', failure: { code: 'timeout', message: 'too long' } });
    expect(await timedOut).toEqual({ kind: 'failed', failure: { code: 'timeout', message: 'too long' } });

    const drain = new RunStop();
    const drained = run(waits, undefined, drain);
    drain.stop({ kind: 'interrupted', why: 'the worker stops' });
    expect(await drained).toEqual({ kind: 'interrupted', why: 'the worker stops' });
  });

  it('keeps the result of a handler that finishes although it was told to stop', async () => {
    const stop = new RunStop();
    let finish: (() => void) | undefined;
    const outcome = run(
      ({ number }) => new Promise((resolve) => (finish = () => resolve(completed({ doubled: number })))),
      undefined,
      stop,
    );
    await new Promise(setImmediate);
    stop.stop({ kind: 'interrupted', why: 'the worker stops' });
    finish?.();
    expect(await outcome).toMatchObject({ kind: 'completed' });
  });
});
