import type { Task } from '@warren/ledger';

/** By what a log line names a task. Whoever follows one task searches for the first; docs/operating.md has them all. */
export interface TaskFacts {
  readonly task: string;
  readonly type: string;
  /** The one that the line is about: a move ends it, and what follows the move has the next. */
  readonly dispatch: number;
  readonly attempt: number;
}

export function taskFacts({ attempt, dispatch, id, type }: Task): TaskFacts {
  return { task: id, type, dispatch, attempt };
}
