import { finalStates, isFinal, transitions } from '@warren/tasks';
import type { Task } from '../../packages/ledger/src/task.js';
import { crashesBeforeAlone, type History, maxCrashes, type Run, type World } from './world.js';

/** Throws when something happened that must never happen. `rule` says what should have been so. */
export function ensure(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`broken: ${rule}`);
}

/** What holds for every change of a task's row. */
export function checkChange(before: Task, after: Task): void {
  ensure(after.token >= before.token, 'the token never decreases');
  ensure(after.dispatch >= before.dispatch, 'the dispatch never decreases');
  ensure(after.attempt >= before.attempt, 'the attempt never decreases');
  if (isFinal(before.state)) {
    ensure(after.state === before.state, `${before.state} is final, it became ${after.state}`);
    ensure(after.dispatch === before.dispatch && after.token === before.token, 'a final task is not moved');
  }
  if (after.state === before.state && after.token === before.token) return;
  ensure(
    transitions[before.state].some(({ to }) => to === after.state),
    `${before.state} -> ${after.state} stands in the table of transitions`,
  );
}

/** What holds for every row, whatever happened. */
export function checkRow(task: Task, history: History): void {
  const owesNothing = task.state === 'running' || task.state === 'parked' || isFinal(task.state);
  ensure((task.lease !== null) === (task.state === 'running'), 'a lease belongs to a running task');
  ensure(task.owed === null || !owesNothing, `${task.state} owes no publish`);
  ensure(history.completions === (task.state === 'completed' ? 1 : 0), 'a task is completed once');
  for (const [token, run] of history.runs) {
    const present = task.state === 'running' && task.token === token;
    ensure(
      (run.outcome === 'running') === present,
      `run ${token} is open while the task is worked under it, and no longer`,
    );
    ensure(!run.reported || !task.lostTokens.includes(token), `run ${token} reported, so it is no crash`);
  }
}

/**
 * Poison needs enough lost runs, each of them dead or silent: a worker that lives and renews is not taken for a crash in
 * the end, however often its connection is cut.
 */
export function checkPoison(before: Task, after: Task, history: History): void {
  if (after.state !== 'dead-lettered' || before.state === 'dead-lettered' || after.reasonCode !== 'poison') return;
  const lost = runsOfAllowance(history).filter(([, run]) => run.outcome === 'lost');
  ensure(lost.length >= maxCrashes, `poison after ${lost.length} lost runs`);
  for (const [token, run] of lost) {
    ensure(run.crashed || run.stalled || run.unheard, `run ${token} was counted as a crash and lives`);
  }
}

/** A run may start while fewer than `maxCrashes` runs are known to have died, and alone from the second on. */
export function checkStart(task: Task, history: History, alone: boolean): void {
  const died = runsOfAllowance(history).filter(([token, run]) => token < task.token && run.crashed && !run.reported);
  ensure(died.length < maxCrashes, `${task.id} runs again after ${died.length} crashes`);
  ensure(died.length < crashesBeforeAlone || alone, `${task.id} runs in company after ${died.length} crashes`);
}

function runsOfAllowance(history: History): [number, Run][] {
  return [...history.runs].filter(([token]) => token > history.allowanceToken);
}

/** Whoever may still say that it completed the task: one at most. */
export function checkHolders(world: World): void {
  for (const task of world.tasks.values()) {
    const holders = world.processes
      .flatMap(({ jobs }) => jobs)
      .filter(({ taskId, phase }) => {
        if (taskId !== task.id || phase.kind !== 'running') return false;
        const request = { token: phase.token, now: world.now, result: '{}', cost: null };
        return world.rules.decideComplete(task, request).answer.kind === 'done';
      });
    ensure(holders.length <= 1, `${task.id} has one holder, not ${holders.length}`);
  }
}

/** Nothing is under way any more: every task has found its end or waits for a person, every message is gone. */
export function isAtRest(world: World): boolean {
  const settled = [...world.tasks.values()].every(
    ({ state }) => state === 'parked' || finalStates.some((final) => final === state),
  );
  const messages = world.work.length + world.delayed.length + world.dead.length;
  return settled && messages === 0 && world.processes.every(({ jobs }) => jobs.length === 0);
}
