import { describe, expect, it } from '@jest/globals';
import { isFinal, type TaskState, taskStates } from '@warren/tasks';
import fc from 'fast-check';
import { epoch } from '../../../tests/fixtures/epoch.js';
import { newTask } from '../../../tests/fixtures/task.js';
import { decideClaim, decideCompleteByHand, decidePark, decideReplay } from './dispatch-rules.js';
import type { Task } from './task.js';

const byHand = fc.record({
  by: fc.string({ minLength: 1, maxLength: 20 }),
  note: fc.option(fc.string({ minLength: 1, maxLength: 50 })),
});
const request = fc.record({
  dispatch: fc.integer({ min: 1, max: 4 }),
  now: fc.integer({ min: epoch, max: epoch + 1_000_000 }),
  result: fc.option(fc.json()),
  byHand,
});

/** A task with a past, as it stands in this state. */
function taskIn(state: TaskState, dispatch: number): Task {
  const isRunning = state === 'running';
  return newTask('t', {
    state,
    dispatch,
    attempt: 3,
    allowanceFrom: 2,
    token: 4,
    lease: isRunning ? { owner: 'w', copy: 'c', until: epoch + 5_000 } : null,
    lostTokens: [2],
    owed: state === 'dead-lettered' ? 'dead' : null,
    publishedAt: epoch,
    reasonCode: state === 'parked' ? 'not-found' : null,
    reason: state === 'parked' ? 'there is no such file' : null,
    progress: isRunning ? '{"message":"reading"}' : null,
  });
}

const anyTask = fc
  .record({ state: fc.constantFrom(...taskStates), dispatch: fc.integer({ min: 1, max: 4 }) })
  .map(({ state, dispatch }) => taskIn(state, dispatch));

/** Parked as it was looked at. */
const seenParked = request.map((seen) => ({ task: taskIn('parked', seen.dispatch), seen }));

function completed(task: Task, seen: Parameters<typeof decideCompleteByHand>[1]): Task {
  const { answer } = decideCompleteByHand(task, seen);
  if (answer.kind !== 'moved') throw new Error(`refused: ${answer.why}`);
  return answer.task;
}

describe('decideCompleteByHand', () => {
  it('takes a parked task as it was looked at, and nothing else; a refusal changes nothing', () => {
    fc.assert(
      fc.property(fc.option(anyTask, { nil: undefined }), request, (task, seen) => {
        const decision = decideCompleteByHand(task, seen);
        const isTaken = task?.state === 'parked' && task.dispatch === seen.dispatch;
        if (isTaken) return expect(decision.answer.kind).toBe('moved');
        expect(decision).toEqual({ answer: { kind: 'refused', why: expect.stringMatching(/./) } });
      }),
    );
  });

  it('completes it for good, owes no publish, and leaves what happened to it on record', () => {
    fc.assert(
      fc.property(seenParked, ({ task, seen }) => {
        const { now, result } = seen;
        const { by, note } = seen.byHand;
        const decision = decideCompleteByHand(task, seen);
        expect(decision.answer).toEqual({ kind: 'moved', task: { ...task, ...decision.patch } });
        expect(completed(task, seen)).toEqual({
          ...task,
          state: 'completed',
          dispatch: task.dispatch + 1,
          lease: null,
          owed: null,
          dueAt: 0,
          publishedAt: null,
          progress: null,
          reasonCode: null,
          reason: note === null ? `by hand, by ${by}` : `by hand, by ${by}: ${note}`,
          dispatchedAt: now,
          updatedAt: now,
          finishedAt: now,
        });
        const stored = result === null ? [] : [{ kind: 'result', result, cost: null, at: now }];
        const act = { act: 'complete', by, note, to: null, at: now };
        expect(decision.effects).toEqual([...stored, { kind: 'by-hand', act }]);
      }),
    );
  });

  it('is done once: neither a second person, a replay, a parking nor a message that is still about finds it again', () => {
    fc.assert(
      fc.property(seenParked, fc.integer({ min: -1, max: 0 }), fc.boolean(), ({ task, seen }, behind, redelivered) => {
        const after = completed(task, seen);
        const { now } = seen;
        expect(isFinal(after.state)).toBe(true);
        for (const dispatch of [seen.dispatch, after.dispatch]) {
          expect(decideCompleteByHand(after, { ...seen, dispatch }).answer.kind).toBe('refused');
          const parking = { dispatch, now, code: 'expired', reason: 'late' } as const;
          expect(decidePark(after, parking).answer.kind).toBe('refused');
        }
        expect(decideReplay(after, { now }).answer.kind).toBe('refused');
        const claim = { copy: 'c', redelivered, owner: 'w', now, leaseMs: 30_000, maxCrashes: 3, alone: true };
        expect(decideClaim(after, { ...claim, dispatch: after.dispatch + behind }).answer).toEqual({ kind: 'stale' });
      }),
    );
  });

  it('comes too late for a task that was replayed since it was looked at, also where it is parked again', () => {
    fc.assert(
      fc.property(seenParked, ({ task, seen }) => {
        const { now } = seen;
        const replayed = decideReplay(task, { now }).answer;
        if (replayed.kind !== 'moved') throw new Error(replayed.why);
        expect(decideCompleteByHand(replayed.task, seen).answer.kind).toBe('refused');
        const { dispatch } = replayed.task;
        const parked = decidePark(replayed.task, {
          dispatch,
          now,
          code: 'not-found',
          reason: 'still not there',
        }).answer;
        if (parked.kind !== 'moved') throw new Error(parked.why);
        expect(decideCompleteByHand(parked.task, seen).answer).toEqual({
          kind: 'refused',
          why: 'it has moved on since it was looked at',
        });
      }),
    );
  });

  it.each([
    [undefined, 'there is no such task'],
    [taskIn('running', 1), 'it is running; only a parked task is completed by hand'],
    [taskIn('completed', 1), 'it is completed; only a parked task is completed by hand'],
  ])('says why not (%#)', (task, why) => {
    const seen = { dispatch: 1, now: epoch, result: null, byHand: { by: 'ann', note: null } };
    expect(decideCompleteByHand(task, seen).answer).toEqual({ kind: 'refused', why });
  });
});
