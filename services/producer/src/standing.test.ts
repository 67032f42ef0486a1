import { describe, expect, it } from '@jest/globals';
import type { AttemptRun, Task } from '@warren/ledger';
import { taskStates } from '@warren/tasks';
import { newTask } from '../../../tests/fixtures/task.js';
import { moveWords, standingOf } from './standing.js';
import { isServedBefore } from './standing-facts.js';

const now = Date.UTC(2030, 0, 31, 18, 0, 0);

function task(change: Partial<Task>): Task {
  const submittedAt = now - 1_000;
  const queued = { state: 'queued', owed: null, publishedAt: submittedAt } as const;
  return newTask('0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1b', { ...queued, ...change }, submittedAt);
}

const run: AttemptRun = {
  taskId: 'x',
  token: 1,
  attempt: 1,
  dispatch: 1,
  worker: 'w',
  startedAt: now - 3_000,
  endedAt: null,
  outcome: 'running',
  code: null,
  error: null,
  stack: null,
  retryAfterMs: null,
};

const lease = { owner: 'summarize@a#1', copy: 'c', until: now + 27_000 };
const limited = { reasonCode: 'rate-limited', reason: 'the source asks for a pause.' } as const;
const says = (change: Partial<Task>, facts = {}) => standingOf(task(change), facts, now).says;

describe('standingOf', () => {
  it.each<[string, Partial<Task>, Parameters<typeof standingOf>[1], string]>([
    ['just taken', { state: 'accepted' }, {}, 'on its way to queue tasks.summarize'],
    [
      'not confirmed',
      { state: 'accepted', dispatchedAt: now - 12_000 },
      {},
      'on record for 12s, and the broker has not confirmed it',
    ],
    [
      'a delay that was asked for',
      { state: 'scheduled', dueAt: now + 300_000 },
      {},
      'starts in 5m (2030-01-31T18:05:00Z), as its submitter asked',
    ],
    [
      'a delay that is over',
      { state: 'scheduled', dueAt: now - 1, publishedAt: now - 5_000 },
      { ahead: { count: 1, atLeast: false } },
      'waits in queue tasks.summarize behind 1 other',
    ],
    ['an unknown place', {}, {}, 'waits in queue tasks.summarize'],
    ['its place', {}, { ahead: { count: 12, atLeast: false } }, 'waits in queue tasks.summarize behind 12 others'],
    [
      'a place that was not counted to its end',
      {},
      { ahead: { count: 900, atLeast: true } },
      'waits in queue tasks.summarize behind at least 900 others',
    ],
    [
      'the first place, and workers',
      {},
      { ahead: { count: 0, atLeast: false }, consumers: 2 },
      'waits in queue tasks.summarize and is the next',
    ],
    ['no worker', {}, { consumers: 0 }, 'waits in queue tasks.summarize; no worker takes from that queue'],
    [
      'a step',
      { state: 'running', lease, progress: '{"message":"reading","done":1,"total":2}' },
      { lastRun: run },
      'runs on summarize@a#1 for 3s, lease until 18:00:27Z: reading (1 of 2)',
    ],
    [
      'a renewal that is due',
      { state: 'running', lease: { ...lease, until: now + 15_000 } },
      {},
      'runs on summarize@a#1, lease until 18:00:15Z',
    ],
    [
      'a renewal that is missing',
      { state: 'running', lease: { ...lease, until: now + 14_999 } },
      { lastRun: run },
      'summarize@a#1 has not been heard of since 17:59:44Z; another worker takes over at the latest when its lease ends, at 18:00:14Z',
    ],
    [
      'a later attempt',
      { state: 'running', lease, attempt: 3 },
      {},
      'runs on summarize@a#1 (attempt 3 of 5), lease until 18:00:27Z',
    ],
    [
      'a worker that is gone',
      { state: 'running', lease: { ...lease, until: now - 5_000 }, lostTokens: [1] },
      {},
      'summarize@a#1 has not been heard of since its lease ended 5s ago; another worker takes over (1 run of it started and never ended)',
    ],
    [
      'a limit',
      { state: 'snoozed', dueAt: now + 8_000, reason: 'the model is busy' },
      {},
      'comes back in 8s: the model is busy',
    ],
    [
      'a failure that is being decided',
      { state: 'dead-lettered', ...limited },
      {},
      'attempt 1 of 5 failed because rate-limited: the source asks for a pause; what follows is being decided',
    ],
    [
      'a retry to come',
      { state: 'retry-scheduled', attempt: 3, dueAt: now + 8_000, ...limited },
      {},
      'tried again in 8s (attempt 3 of 5) because rate-limited: the source asks for a pause',
    ],
    [
      'a retry that is due',
      { state: 'retry-scheduled', attempt: 3, dueAt: now - 1, ...limited },
      { ahead: { count: 0, atLeast: false } },
      'waits in queue tasks.summarize and is the next for attempt 3 of 5 because rate-limited: the source asks for a pause',
    ],
    [
      'after a replay',
      { state: 'retry-scheduled', attempt: 7, allowanceFrom: 6, dueAt: now + 8_000 },
      {},
      'tried again in 8s (attempt 7 (2 of 5 since the replay))',
    ],
    [
      'parked',
      { state: 'parked', reasonCode: 'not-found', reason: 'x.md does not exist' },
      {},
      'waits for a person because not-found: x.md does not exist',
    ],
    ['done', { state: 'completed', attempt: 2, createdAt: now - 9_000, finishedAt: now }, {}, 'after 9s, on attempt 2'],
    [
      'done after a takeover',
      { state: 'completed', createdAt: now - 9_000, finishedAt: now, lostTokens: [1] },
      {},
      'after 9s, on the first attempt (one run was lost)',
    ],
    [
      'a delay of which a moment has passed',
      { state: 'scheduled', dueAt: now + 2_001 },
      {},
      'starts in 3s (2030-01-31T18:00:02Z), as its submitter asked',
    ],
    ['cancelled', { state: 'cancelled', reason: 'by hand' }, {}, 'by hand'],
  ])('%s', (_name, change, facts, expected) => {
    expect(says(change, facts)).toBe(expected);
  });

  it('has words for every state, whatever is missing', () => {
    for (const state of taskStates) expect(says({ state })).toMatch(/\S/);
  });

  it('says what to do where there is something to do', () => {
    const next = (change: Partial<Task>, facts = {}) => standingOf(task(change), facts, now).next;
    expect(next({})).toBeUndefined();
    expect(next({}, { consumers: 0 })).toContain('warren up');
    expect(next({ state: 'parked' }, { advice: 'Correct the path.' })).toBe(
      'Correct the path.\nwarren dead-letters show 0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1b',
    );
    expect(next({ state: 'parked', reasonCode: 'not-found' })).toBe(
      [
        'warren dead-letters show 0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1b',
        'warren dead-letters replay 0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1b',
      ].join('\n'),
    );
    expect(next({ state: 'parked', reasonCode: 'invalid-input' })).not.toContain('replay');
    expect(next({ state: 'dead-lettered', dispatchedAt: now - 60_000 })).toContain('DLQ processor');
    expect(next({ state: 'completed' })).toBe('warren task result 0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1b');
  });
});

describe('moveWords', () => {
  it('leaves the lease and the step to other lines', () => {
    expect(moveWords(task({ state: 'running', lease, progress: '{"message":"reading"}' }), now)).toBe(
      'running on summarize@a#1',
    );
    expect(moveWords(task({}), now)).toBe('queued: waits in queue tasks.summarize');
  });

  it('tells of a takeover, once', () => {
    const taken = moveWords(task({ state: 'running', lease, token: 2, lostTokens: [1] }), now);
    expect(taken).toBe(
      'running: attempt 1 of 5 taken over by another worker, summarize@a#1; the run before it was lost',
    );
    const later = task({ state: 'running', lease, token: 3, lostTokens: [1], attempt: 2 });
    expect(moveWords(later, now)).toBe('running on summarize@a#1 (attempt 2 of 5)');
  });
});

describe('isServedBefore', () => {
  it('higher priority first, then who came first; a delayed task came when it was due', () => {
    const mine = task({ publishedAt: 100 });
    expect(isServedBefore(task({ priority: 8, publishedAt: 900 }), mine)).toBe(true);
    expect(isServedBefore(task({ priority: 2, publishedAt: 1 }), mine)).toBe(false);
    expect(isServedBefore(task({ publishedAt: 99 }), mine)).toBe(true);
    expect(isServedBefore(task({ publishedAt: 1, dueAt: 200 }), mine)).toBe(false);
  });
});
