import type { Letter, Task } from '@warren/ledger';
import { isFinal } from '@warren/tasks';

/** What became of everything that the demo sent, counted from the ledger. */
export interface DemoCount {
  /** Tasks and messages sent. */
  readonly submitted: number;
  readonly completed: number;
  /** Tasks that took more than one attempt. */
  readonly retried: number;
  /** Tasks parked, and messages that are no task. */
  readonly parked: number;
  /** Submitted ids that are neither final nor parked. */
  readonly lost: number;
}

/** `tasks` holds, for every submitted id, its row; `letters` for every malformed message its letter, if there is one. */
export function countDemo(tasks: readonly (Task | undefined)[], letters: readonly (Letter | undefined)[]): DemoCount {
  const known = tasks.filter((task) => task !== undefined);
  const settled = known.filter((task) => isFinal(task.state) || task.state === 'parked');
  const parkedLetters = letters.filter((letter) => letter?.state === 'parked');
  return {
    submitted: tasks.length + letters.length,
    completed: known.filter((task) => task.state === 'completed').length,
    retried: known.filter((task) => task.attempt > 1).length,
    parked: known.filter((task) => task.state === 'parked').length + parkedLetters.length,
    lost: tasks.length - settled.length + letters.length - parkedLetters.length,
  };
}

/** The demo's last line. */
export function countLine(count: DemoCount): string {
  const { submitted, completed, retried, parked, lost } = count;
  return `demo: submitted=${submitted} completed=${completed} retried=${retried} parked=${parked} lost=${lost}`;
}
