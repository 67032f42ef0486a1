import { formatRoughly, type Output } from '@warren/cli';
import type { Hearer } from './follow.js';
import { progressText } from './progress-text.js';
import { moveWords } from './standing.js';

/** Tells a person what goes on with a task: a line a step, and below them, on a terminal, one that shows the present. */
export interface Narrator extends Hearer {
  end(): void;
}

/** With `--json` nothing is told: stderr then holds the error and nothing else. */
export function createNarrator(output: Output, now: () => number): Narrator {
  const startedAt = now();
  const progress = output.progress({ label: 'waiting' });
  const tell = (line: string) => {
    if (!output.json) output.note(`${formatRoughly(now() - startedAt).padStart(6)}  ${line}`);
  };
  return {
    onMove(task) {
      tell(moveWords(task, now()));
      progress.update(task.state);
    },
    onStep(step) {
      tell(progressText(step));
      progress.update(progressText(step));
    },
    onAbsence: tell,
    end: () => progress.end(),
  };
}
