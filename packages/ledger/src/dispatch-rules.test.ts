import { describe, expect, it } from '@jest/globals';
import { taskStates, transitions } from '@warren/tasks';
import fc from 'fast-check';
import { newTask } from '../../../tests/fixtures/task.js';
import { anyInterleaving } from '../../../tests/model/interleaving.js';
import { leaseMs, maxCrashes, type Rules } from '../../../tests/model/world.js';
import * as dispatchRules from './dispatch-rules.js';
import type { Decision, Task } from './task.js';

/**
 * A longer search: WARREN_PROPERTY_RUNS=500000. The same search again: WARREN_PROPERTY_SEED with the seed that a failure
 * printed.
 */
const numRuns = Number(process.env.WARREN_PROPERTY_RUNS ?? 8_000);
const seed = process.env.WARREN_PROPERTY_SEED === undefined ? {} : { seed: Number(process.env.WARREN_PROPERTY_SEED) };

describe('dispatch and lease, in any interleaving', () => {
  it(
    'one completion, no wrong poison, and never a task that nothing will move',
    () => fc.assert(anyInterleaving(dispatchRules), { numRuns, ...seed }),
    60_000 + numRuns * 50,
  );

  it('gets to every transition there is, and to no other', () => {
    const seen = new Set<string>();
    const property = anyInterleaving(dispatchRules, (before, after) => {
      const same = before.state === after.state && before.token === after.token;
      if (!same) seen.add(`${before.state} -> ${after.state}`);
    });
    fc.assert(property, { numRuns: 3_000, seed: 1 });
    const table = taskStates.flatMap((from) => transitions[from].map(({ to }) => `${from} -> ${to}`));
    expect([...seen].toSorted()).toEqual(table.toSorted());
  }, 60_000);
});

type Run = Decision<unknown>;

/** Rules with one thing wrong: what the property must notice, or it proves nothing. */
const mutants: Readonly<Record<string, Partial<Rules>>> = {
  'a redelivered second copy takes over from a living worker': {
    decideClaim: (task, request) =>
      dispatchRules.decideClaim(task, { ...request, copy: task?.lease?.copy ?? request.copy }),
  },
  'every delivery takes over, lease or not': {
    decideClaim: (task, request) =>
      dispatchRules.decideClaim(task, { ...request, redelivered: true, copy: task?.lease?.copy ?? request.copy }),
  },
  'a claim does not look at the dispatch': {
    decideClaim: (task, request) =>
      dispatchRules.decideClaim(task, { ...request, dispatch: task?.dispatch ?? request.dispatch }),
  },
  'a claim keeps the token of the run before': {
    decideClaim: (task, request) => {
      const decision = dispatchRules.decideClaim(task, request);
      return decision.answer.kind === 'run' ? patched(decision, { token: Math.max(1, task?.token ?? 0) }) : decision;
    },
  },
  'a worker that asks again is taken for a dead one': {
    decideClaim: (task, request) => dispatchRules.decideClaim(task, { ...request, owner: `${request.owner} again` }),
  },
  'lost runs are not counted': {
    decideClaim: (task, request) =>
      patched(dispatchRules.decideClaim(task, request), { lostTokens: task?.lostTokens ?? [] }),
  },
  'a task that crashed twice runs in company': {
    decideClaim: (task, request) => dispatchRules.decideClaim(task, { ...request, alone: true }),
  },
  'the last crash is called without waiting for the lease': {
    decideClaim: (task, request) => {
      const gone = request.redelivered && task?.lease?.copy === request.copy;
      return dispatchRules.decideClaim(
        gone && task?.lease ? { ...task, lease: { ...task.lease, until: 0 } } : task,
        request,
      );
    },
  },
  'a refused renewal is no sign of life': {
    decideRenew: (task, request) => withoutRefusal(dispatchRules.decideRenew(task, request)),
  },
  'a late end is no sign of life': {
    decideComplete: (task, request) => withoutRefusal(dispatchRules.decideComplete(task, request)),
    decideFail: (task, request) => withoutRefusal(dispatchRules.decideFail(task, request)),
  },
  'an old token may complete': {
    decideComplete: (task, request) =>
      dispatchRules.decideComplete(task, { ...request, token: task?.token ?? request.token }),
  },
  'a failure stays in its dispatch': {
    decideFail: (task, request) =>
      patched(dispatchRules.decideFail(task, request), task ? { dispatch: task.dispatch } : {}),
  },
  'a snooze stays in its dispatch': {
    decideSnooze: (task, request) =>
      patched(dispatchRules.decideSnooze(task, request), task ? { dispatch: task.dispatch } : {}),
  },
  'a retry stays in its dispatch': {
    decideRetry: (task, request) =>
      patched(dispatchRules.decideRetry(task, request), task ? { dispatch: task.dispatch } : {}),
  },
  'neither parking nor replaying raises the dispatch': {
    decidePark: (task, request) =>
      patched(dispatchRules.decidePark(task, request), task ? { dispatch: task.dispatch } : {}),
    decideReplay: (task, request) =>
      patched(dispatchRules.decideReplay(task, request), task ? { dispatch: task.dispatch } : {}),
  },
  'a failure forgets the publish that it owes': {
    decideFail: (task, request) => patched(dispatchRules.decideFail(task, request), { owed: null }),
  },
  'a retry forgets the publish that it owes': {
    decideRetry: (task, request) => patched(dispatchRules.decideRetry(task, request), { owed: null }),
  },
  'a confirm of an old dispatch pays the present debt': {
    decidePublished: (task, request) =>
      dispatchRules.decidePublished(task, { ...request, dispatch: task?.dispatch ?? request.dispatch }),
  },
  'a release owes nothing': {
    decideRelease: (task, request) => patched(dispatchRules.decideRelease(task, request), { owed: null }),
  },
  'a late note pays a release': {
    decidePublished: (task, request) =>
      dispatchRules.decidePublished(task, { ...request, dispatchedAt: task?.dispatchedAt ?? request.dispatchedAt }),
  },
  'a release loses when it was published': {
    decideRelease: (task, request) => patched(dispatchRules.decideRelease(task, request), { publishedAt: null }),
  },
  'an expired copy takes the task from whoever works it': {
    decideRecover: (task, request) =>
      dispatchRules.decideRecover(task, { ...request, copy: task?.lease?.copy ?? request.copy }),
  },
  'a message that expired after a crash does not count the crash': {
    decideRecover: (task, request) =>
      patched(dispatchRules.decideRecover(task, request), { lostTokens: task?.lostTokens ?? [] }),
  },
  'a message that expired after a cut brings the next run at once': {
    decideRecover: (task, request) => patched(dispatchRules.decideRecover(task, request), { owed: 'task', dueAt: 0 }),
  },
  'a message that expired is believed whatever became of its task since': {
    decideRecover: (task, request) => {
      const dispatch = task?.state === 'queued' ? -1 : request.dispatch;
      return dispatchRules.decideRecover(task, { ...request, dispatch });
    },
  },
  'a running task is parked over its worker': {
    decidePark: (task, request) =>
      dispatchRules.decidePark(task?.state === 'running' ? { ...task, state: 'queued' } : task, request),
  },
  'what a person saw once may be completed by hand whatever became of it since': {
    decideCompleteByHand: (task, request) =>
      dispatchRules.decideCompleteByHand(task, { ...request, dispatch: task?.dispatch ?? request.dispatch }),
  },
  'a task is completed by hand over its worker': {
    decideCompleteByHand: (task, request) =>
      dispatchRules.decideCompleteByHand(task?.state === 'running' ? { ...task, state: 'parked' } : task, request),
  },
  'a completed task is completed by hand once more': {
    decideCompleteByHand: (task, request) =>
      dispatchRules.decideCompleteByHand(task?.state === 'completed' ? { ...task, state: 'parked' } : task, request),
  },
  'a task that was completed by hand can be replayed': {
    decideReplay: (task, request) =>
      dispatchRules.decideReplay(task?.state === 'completed' ? { ...task, state: 'parked' } : task, request),
  },
  'a cancelled task can be replayed': {
    decideReplay: (task, request) =>
      dispatchRules.decideReplay(task?.state === 'cancelled' ? { ...task, state: 'parked' } : task, request),
  },
};

/** Changes what a decision writes, if it writes anything. */
function patched<Answer>(decision: Decision<Answer>, change: Partial<Task>): Decision<Answer> {
  if (!decision.patch) return decision;
  const { answer } = decision;
  return { ...decision, answer, patch: { ...decision.patch, ...change } };
}

function withoutRefusal<Decided extends Run>(decision: Decided): Decided {
  const refused = typeof decision.answer === 'object' && JSON.stringify(decision.answer) === '{"kind":"refused"}';
  return refused ? { ...decision, patch: {}, effects: [] } : decision;
}

describe('the search notices when', () => {
  it.each(Object.entries(mutants))(
    '%s',
    (_, wrong) => {
      const found = fc.check(anyInterleaving({ ...dispatchRules, ...wrong }), {
        numRuns: 30_000,
        seed: 1,
        endOnFailure: true,
      });
      expect({ failed: found.failed }).toEqual({ failed: true });
    },
    180_000,
  );
});

describe('by example', () => {
  const submitted = newTask('task');
  const start = submitted.createdAt;

  function claim(task: Task, at: number, change: Partial<dispatchRules.ClaimRequest>) {
    const { dispatch } = task;
    const usual = { dispatch, copy: 'copy-1', redelivered: false, owner: 'worker-1', leaseMs, maxCrashes, alone: true };
    return dispatchRules.decideClaim(task, { ...usual, now: start + at, ...change }).answer;
  }

  function run(task: Task, at: number, change: Partial<dispatchRules.ClaimRequest>): Task {
    const answer = claim(task, at, change);
    if (answer.kind !== 'run') throw new Error(`the claim was answered with ${answer.kind}`);
    return answer.task;
  }

  function release(task: Task, at: number): Task {
    const { answer } = dispatchRules.decideRelease(task, { token: task.token, now: start + at });
    if (answer.kind !== 'done') throw new Error('the release was refused');
    return answer.task;
  }

  it('a second copy that is redelivered does not take over from a living worker', () => {
    const worked = run(submitted, 0, {});
    expect(claim(worked, 1, { owner: 'worker-2', copy: 'copy-2', redelivered: true }).kind).toBe('held');
    expect(claim(worked, 1, { owner: 'worker-2', redelivered: true }).kind).toBe('run');
  });

  it('three cut connections in a row are no poison: the third run is held until its lease ends', () => {
    const first = run(submitted, 0, {});
    const second = run(first, 1, { owner: 'worker-2', redelivered: true });
    const third = run(second, 2, { owner: 'worker-3', redelivered: true });
    expect(third.lostTokens).toEqual([1, 2]);

    const cutAgain = { owner: 'worker-4', redelivered: true };
    expect(claim(third, 3, cutAgain)).toMatchObject({ kind: 'held', until: start + 2 + leaseMs });
    expect(claim(third, 2 + leaseMs, cutAgain)).toMatchObject({ kind: 'dead-lettered', code: 'poison' });
  });

  it('a refused renewal takes the crash back that its run was counted as', () => {
    const taken = run(run(submitted, 0, {}), 1, { owner: 'worker-2', redelivered: true });
    const refused = dispatchRules.decideRenew(taken, { token: 1, now: start + 2, leaseMs });
    expect(refused).toEqual({
      answer: { kind: 'refused' },
      patch: { lostTokens: [] },
      effects: [{ kind: 'run-ended', token: 1, outcome: 'superseded', at: start + 2 }],
    });
  });

  it('a worker that did not hear of its claim gets it again, without a crash', () => {
    const unheard = run(submitted, 0, {});
    expect(run(unheard, 1, {})).toMatchObject({ token: 2, lostTokens: [] });
  });

  it('a message that expired after a cut brings the task back when the lease would have ended', () => {
    const worked = run(submitted, 0, {});
    const request = { dispatch: 1, copy: 'copy-1' };
    const { answer } = dispatchRules.decideRecover(worked, { ...request, now: start + 1 });
    expect(answer).toMatchObject({ kind: 'moved', task: { owed: 'delayed', dueAt: start + leaseMs, lostTokens: [1] } });

    const late = dispatchRules.decideRecover(worked, { ...request, now: start + leaseMs }).answer;
    expect(late).toMatchObject({ kind: 'moved', task: { owed: 'task', dueAt: 0 } });
  });

  describe('a task that is given back', () => {
    const published = { ...submitted, state: 'queued', owed: null, publishedAt: start } as const;
    const released = release(run(published, 1, {}), 2);
    const noted = (task: Task, { dispatchedAt }: Task, at: number) => {
      const { answer } = dispatchRules.decidePublished(task, { dispatch: 1, dispatchedAt, now: start + at });
      return answer.kind === 'moved' ? answer.task : 'refused';
    };

    it('owes its publish again, until it is claimed', () => {
      expect(published.owed).toBeNull();
      expect(released).toMatchObject({ state: 'queued', owed: 'task', dispatch: 1 });
      expect(run(released, 3, {}).owed).toBeNull();
    });

    it('is not paid for by a late note of the publish before, whatever clock wrote that', () => {
      const unnoted = release(run(submitted, 1, {}), 2);
      for (const at of [0, 2, 3, 1_000_000]) expect(noted(unnoted, submitted, at)).toBe('refused');
    });

    it("is paid for by the sweeper's copy, and noted again where that one is lost as well", () => {
      for (const at of [-1_000_000, 1, 1_000_000]) {
        const paid = noted(released, released, at);
        expect(paid).toMatchObject({ state: 'queued', owed: null, publishedAt: start + at });
        if (paid === 'refused') continue;
        expect(noted(paid, paid, at + 1)).toMatchObject({ owed: null, publishedAt: start + at + 1 });
      }
    });

    it('waits as long as a task may from the copy that pays for it, as the broker counts', () => {
      const patient = { ...released, expiresMs: 60_000 };
      const paid = noted(patient, patient, 20_000);
      if (paid === 'refused') throw new Error('the note was refused');
      expect(claim(patient, 60_002, {}).kind).toBe('run');
      expect(claim(patient, 60_003, {}).kind).toBe('dead-lettered');
      expect(claim(paid, 80_001, {}).kind).toBe('run');
      expect(claim(paid, 80_002, {}).kind).toBe('dead-lettered');
    });

    it('is not paid for by a copy that was sent before it was given back once more', () => {
      // The clock of whoever sent it is behind, and the next worker's shows the time at which the first gave it back.
      const paid = noted(released, released, -10);
      if (paid === 'refused') throw new Error('the note was refused');
      expect(noted(release(run(paid, 1, {}), 2), released, 5)).toBe('refused');
    });
  });

  describe('a message that came back to its queue too often', () => {
    const returned = (task: Task, at: number) =>
      dispatchRules.decideRecover(task, { dispatch: 1, copy: 'copy-1', because: 'returned', now: start + at }).answer;
    const onward = { state: 'accepted', dispatch: 2, attempt: 1, owed: 'task', lostTokens: [], publishedAt: null };

    it.each(['accepted', 'queued', 'scheduled', 'snoozed', 'retry-scheduled'] as const)(
      'is followed by a new one where its task waits: %s',
      (state) => {
        const waiting: Task = { ...submitted, state, owed: null, publishedAt: start, dueAt: start };
        expect(returned(waiting, 1)).toMatchObject({ kind: 'moved', task: onward });
      },
    );

    it('is followed by one that comes no sooner than its task is due', () => {
      const early: Task = { ...submitted, state: 'snoozed', owed: null, publishedAt: start, dueAt: start + 500 };
      expect(returned(early, 1)).toMatchObject({ kind: 'moved', task: { owed: 'delayed', dueAt: start + 500 } });
    });

    it('gives up the run that had this very copy, and none that has another', () => {
      const worked = run(submitted, 0, {});
      expect(returned(worked, leaseMs)).toMatchObject({ kind: 'moved', task: { lostTokens: [1], owed: 'task' } });
      const other = { dispatch: 1, copy: 'copy-2', because: 'returned', now: start + 1 } as const;
      expect(dispatchRules.decideRecover(worked, other).answer.kind).toBe('refused');
    });

    it.each(['dead-lettered', 'parked', 'completed', 'cancelled', 'discarded'] as const)(
      'moves no task that is %s, none of another dispatch, and none that has expired',
      (state) => {
        expect(returned({ ...submitted, state }, 1).kind).toBe('refused');
        expect(returned({ ...submitted, dispatch: 2 }, 1).kind).toBe('refused');
        expect(returned({ ...submitted, deadlineAt: start }, 1).kind).toBe('refused');
      },
    );
  });

  describe('a message that expired after its task was given back', () => {
    const patient = { ...submitted, expiresMs: 60_000 };
    const worked = { ...run(patient, 1_000, {}), publishedAt: start };
    const released = release(worked, 70_000);
    const recover = (task: Task, at: number) =>
      dispatchRules.decideRecover(task, { dispatch: 1, copy: 'copy-1', now: start + at }).answer;

    it('sends the task on: its wait has begun anew, the message could not know', () => {
      expect(recover(released, 70_001)).toMatchObject({
        kind: 'moved',
        task: {
          state: 'accepted',
          dispatch: 2,
          owed: 'task',
          attempt: 1,
          lostTokens: [],
          dispatchedAt: start + 70_001,
        },
      });
      expect(recover({ ...released, expiresMs: null }, 70_001)).toMatchObject({ kind: 'moved' });
    });

    it('sends it on though the clock of whoever noted its publish is ahead of the clock of its worker', () => {
      const ahead = { ...worked, publishedAt: start + 72_500 };
      expect(recover(release(ahead, 70_000), 70_001).kind).toBe('moved');
    });

    it('sends it on though another copy of its message was sent since', () => {
      const { dispatchedAt } = released;
      const copied = dispatchRules.decidePublished(released, {
        dispatch: 1,
        dispatchedAt,
        now: start + 100_000,
      }).answer;
      expect(recover(copied.kind === 'moved' ? copied.task : released, 100_001).kind).toBe('moved');
    });

    it('is believed where the new wait is over as well, or the deadline', () => {
      expect(recover(released, 130_000).kind).toBe('moved');
      expect(recover(released, 130_001).kind).toBe('refused');
      expect(recover({ ...released, deadlineAt: start + 70_001 }, 70_001).kind).toBe('refused');
    });

    it('is believed where its task never was with a worker, or was published since', () => {
      expect(recover({ ...patient, state: 'queued', publishedAt: start + 1 }, 10).kind).toBe('refused');
      expect(recover({ ...patient, state: 'accepted' }, 10).kind).toBe('refused');
      expect(recover({ ...released, publishedAt: start + 70_002 }, 71_000).kind).toBe('refused');
    });
  });

  it.each([
    ['waits too long', { expiresMs: 10, publishedAt: start }, 11, 'dead-lettered'],
    ['waits just long enough', { expiresMs: 10, publishedAt: start }, 10, 'run'],
    ['was published late, by a broker that was away', { expiresMs: 10, publishedAt: start + 50 }, 60, 'run'],
    ['waits from the time it is due', { expiresMs: 10, dueAt: start + 50 }, 60, 'run'],
    ['reaches its deadline', { deadlineAt: start + 10 }, 10, 'dead-lettered'],
    ['is early', { dueAt: start + 10 }, 9, 'early'],
  ] as const)('a task that %s', (_, change, at, kind) => {
    expect(claim({ ...submitted, ...change }, at, {}).kind).toBe(kind);
  });

  it('a task that was picked up in time has met its expires, whatever becomes of its worker', () => {
    const worked = run({ ...submitted, expiresMs: 10 }, 5, {});
    const again = { owner: 'worker-2', redelivered: true };
    expect(claim(worked, 5 + 2 * leaseMs, again).kind).toBe('run');
    expect(claim({ ...worked, deadlineAt: start + 20 }, 20, again)).toMatchObject({
      kind: 'dead-lettered',
      code: 'expired',
    });
  });
});
