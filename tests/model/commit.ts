import type { Decision, Effect, Task } from '../../packages/ledger/src/task.js';
import { checkChange, checkPoison, checkRow, ensure } from './checks.js';
import { type History, historyOf, type Run, taskOf, type World } from './world.js';

/** Commits a decision as the ledger does, and holds the change against what must never happen. */
export function commit<Answer>(
  world: World,
  taskId: string,
  decide: (task: Task | undefined) => Decision<Answer>,
): Answer {
  const before = taskOf(world, taskId);
  const { answer, patch, effects = [] } = decide(before);
  const after = { ...before, ...patch };
  const history = historyOf(world, taskId);
  world.tasks.set(taskId, after);
  if (patch) history.givenBack = false;
  for (const effect of effects) record(history, effect);
  checkChange(before, after);
  checkRow(after, history);
  checkPoison(before, after, history);
  world.observe(before, after);
  return answer;
}

function newRun(): Run {
  return { outcome: 'running', crashed: false, stalled: false, reported: false, unheard: false };
}

function record(history: History, effect: Effect): void {
  switch (effect.kind) {
    case 'run-started':
      ensure(!history.runs.has(effect.run.token), `token ${effect.run.token} is given out once`);
      history.runs.set(effect.run.token, newRun());
      return;
    case 'run-ended': {
      const run = history.runs.get(effect.token);
      if (!run) throw new Error(`run ${effect.token} ended and never started`);
      const open = run.outcome === 'running' || (run.outcome === 'lost' && effect.outcome === 'superseded');
      ensure(open, `run ${effect.token} ends once: it was ${run.outcome}, now ${effect.outcome}`);
      run.outcome = effect.outcome;
      return;
    }
    case 'result':
      history.completions += 1;
      return;
    case 'by-hand':
      return;
  }
}

/**
 * Commits a move made in the name of a message. A message of an earlier generation must not get anything: the model
 * counts the generations by itself, so that a rule which mixes them up is noticed.
 */
export function commitMove<Answer extends { readonly kind: string }>(
  world: World,
  move: { readonly taskId: string; readonly generation: number | undefined; readonly accepted: string },
  decide: (task: Task | undefined) => Decision<Answer>,
): Answer {
  const answer = commit(world, move.taskId, decide);
  if (answer.kind !== move.accepted) return answer;
  const history = historyOf(world, move.taskId);
  ensure(
    move.generation === undefined || move.generation === history.generation,
    `a message of move ${move.generation} moved ${move.taskId}, which is at ${history.generation}`,
  );
  history.generation += 1;
  return answer;
}
