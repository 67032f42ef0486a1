import { describe, expect, it } from '@jest/globals';
import { newTask } from '../../../tests/fixtures/task.js';
import { startRun } from './run.js';
import { Runs } from './run-stop.js';

const task = newTask('task', { state: 'running', token: 1, owed: null });

function parts(steps: string[] = [], events: unknown[] = []): Parameters<typeof startRun>[2] {
  return {
    ledger: {
      renew: async () => ({ kind: 'done', task }),
      progress: async (_, { progress }) => {
        steps.push(progress);
        return { kind: 'done', task };
      },
    },
    events: {
      publish: ({ body }) => {
        events.push(JSON.parse(body.toString()).progress);
        return true;
      },
    },
    runs: new Runs(),
    now: Date.now,
    type: { policy: { attemptTimeoutMs: 60_000, leaseMs: 60_000 } },
  };
}

describe('a run', () => {
  it('is told to stop before it begins, where its delivery was lost during the claim', () => {
    const running = startRun(task, { onLost: (listener) => listener() }, parts());
    expect(running.stop.stopped?.message).toContain('the connection to the broker was lost');
    running.end();
  });
});

/** What is written of a step that a handler in plain JavaScript gives. */
function written(step: string): unknown {
  const steps: string[] = [];
  const events: unknown[] = [];
  const running = startRun(task, { onLost: () => undefined }, parts(steps, events));
  try {
    running.onProgress(evaluated(step));
  } finally {
    running.end();
  }
  const [kept = 'null'] = steps;
  expect(events).toEqual([JSON.parse(kept)]);
  return JSON.parse(kept);
}

/** As no type would let it through. */
function evaluated(step: string) {
  return new Function(`return ${step}`)();
}

describe("a handler's step", () => {
  it.each([
    ["{ message: 'reading', done: 1, total: 2 }", { message: 'reading', done: 1, total: 2 }],
    ['{ done: 1 }', { message: 'a step without a message', done: 1 }],
    ["{ message: 'n', done: 1n, total: '2' }", { message: 'n' }],
    ["{ message: 'n', done: NaN, total: Infinity }", { message: 'n' }],
    ["{ message: 'ok', detail: 'x'.repeat(5_000_000) }", { message: 'ok' }],
    ["{ message: 'x'.repeat(501) }", { message: 'x'.repeat(500) }],
    ['undefined', { message: 'a step without a message' }],
    ['null', { message: 'a step without a message' }],
  ])('%s fails no attempt, and is kept within its bounds', (step, expected) => {
    expect(written(step)).toEqual(expected);
  });
});
