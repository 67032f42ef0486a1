import { describe, expect, it } from '@jest/globals';
import type { Task } from '@warren/ledger';
import fc from 'fast-check';
import { newTask } from '../../../tests/fixtures/task.js';
import { lostMessages, type QueueFacts } from './lost-messages.js';

const now = 1_700_000_000_000;
const minute = 60_000;

function waiting(change: Partial<Task> = {}): Task {
  const submittedAt = now - 10 * minute;
  return newTask('task', { state: 'queued', owed: null, publishedAt: submittedAt, ...change }, submittedAt);
}

const busy: QueueFacts = { now, emptySince: null, emptyMs: 15_000, newestClaimed: new Map(), marginMs: minute };

describe('a message is lost', () => {
  it('where its queue has been empty for long enough', () => {
    const task = waiting();
    expect(lostMessages([task], { ...busy, emptySince: now - 15_000 })).toEqual([{ task, why: 'queue-empty' }]);
    expect(lostMessages([task], { ...busy, emptySince: now - 14_999 })).toEqual([]);
    expect(lostMessages([task], busy)).toEqual([]);
  });

  it('where one of its priority that came later by more than the margin was served before it', () => {
    const task = waiting({ dispatchedAt: now - 5 * minute, publishedAt: now - 5 * minute });
    const newest = (at: number) => ({ ...busy, newestClaimed: new Map([[5, at]]) });
    expect(lostMessages([task], newest(now - 4 * minute + 1))).toEqual([{ task, why: 'overtaken' }]);
    expect(lostMessages([task], newest(now - 4 * minute))).toEqual([]);
  });

  it('by overtaking ever less often: each copy gives the next one twice the time', () => {
    // A queue that is served by a clock that is wrong: whatever waits seems overtaken.
    let task = waiting({ dispatchedAt: now, publishedAt: now });
    const publishedAgain: number[] = [];
    for (let at = now; at < now + 24 * 60 * minute; at += minute) {
      const facts = { ...busy, now: at, newestClaimed: new Map([[5, at + 365 * 24 * 60 * minute]]) };
      if (lostMessages([task], facts).length === 0) continue;
      publishedAgain.push((at - now) / minute);
      task = { ...task, publishedAt: at };
    }
    expect(publishedAgain).toEqual([2, 5, 11, 23, 47, 95, 191, 383, 767]);
  });

  it('not by the word of one that is to come', () => {
    const task = waiting({ publishedAt: now - minute });
    expect(lostMessages([task], { ...busy, newestClaimed: new Map([[5, now + 60 * minute]]) })).toEqual([]);
  });

  it('not where one of another priority was served before it', () => {
    expect(lostMessages([waiting({ priority: 2 })], { ...busy, newestClaimed: new Map([[8, now]]) })).toEqual([]);
  });

  it('not where it was delayed and came later than the one served before it', () => {
    const delayed = waiting({ publishedAt: now - 10 * minute, dueAt: now - 2 * minute });
    expect(lostMessages([delayed], { ...busy, newestClaimed: new Map([[5, now - 3 * minute]]) })).toEqual([]);
  });
});

describe('any set of waiting tasks', () => {
  const tasks = fc.array(
    fc
      .record({
        priority: fc.integer({ min: 0, max: 9 }),
        publishedAt: fc.option(fc.integer({ min: now - 60 * minute, max: now })),
        dueAt: fc.oneof(fc.constant(0), fc.integer({ min: now - 60 * minute, max: now })),
      })
      .map(waiting),
  );
  const facts: fc.Arbitrary<QueueFacts> = fc.record({
    now: fc.constant(now),
    emptySince: fc.option(fc.integer({ min: now - minute, max: now })),
    emptyMs: fc.integer({ min: 0, max: minute }),
    newestClaimed: fc
      .array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: now - 60 * minute, max: now })))
      .map((entries) => new Map(entries)),
    marginMs: fc.integer({ min: 0, max: 5 * minute }),
  });

  it('loses all or none by an empty queue, and by overtaking only what is older than what overtook it', () => {
    fc.assert(
      fc.property(tasks, facts, (given, queue) => {
        const lost = lostMessages(given, queue);
        const emptyLongEnough = queue.emptySince !== null && now - queue.emptySince >= queue.emptyMs;
        if (emptyLongEnough) expect(lost).toHaveLength(given.length);
        for (const { task, why } of lost) {
          expect(why).toBe(emptyLongEnough ? 'queue-empty' : 'overtaken');
          const newest = queue.newestClaimed.get(task.priority) ?? Number.NEGATIVE_INFINITY;
          if (why === 'overtaken') expect(Math.max(task.publishedAt ?? 0, task.dueAt)).toBeLessThan(newest);
        }
      }),
    );
  });

  it('are not found lost again right after they were published again', () => {
    fc.assert(
      fc.property(tasks, facts, (given, queue) => {
        const again = lostMessages(given, queue).map(({ task }) => ({ ...task, publishedAt: now }));
        expect(lostMessages(again, { ...queue, emptySince: null })).toEqual([]);
      }),
    );
  });
});
