import { formatRoughly, type Output } from '@warren/cli';
import type { Hearer } from './follow.js';
import { nothingTold, tellStep } from './narrate-steps.js';
import { nearPaths } from './near-paths.js';
import { type ProgressStep, progressText } from './progress-text.js';
import { moveWords } from './standing.js';
import type { TaskWorld } from './task-context.js';

/**
 * Tells a person what goes on with a task: a line a change of state or of phase, and below them, on a terminal, one that
 * shows the present.
 */
export interface Narrator extends Hearer {
  end(): void;
}

/** With `--json` nothing is told: stderr then holds the error and nothing else. */
export function createNarrator(output: Output, { cwd, now }: Pick<TaskWorld, 'cwd' | 'now'>): Narrator {
  const startedAt = now();
  // Without a terminal it would repeat, now and then, what the lines say.
  const progress = output.isLive ? output.progress({ label: 'waiting' }) : undefined;
  let told = nothingTold;
  // Lines that a terminal does not show are searched, as likely as read.
  const textOf = (step: ProgressStep) => (output.isLive ? nearPaths(progressText(step), cwd) : progressText(step));
  const tell = (line: string) => {
    if (!output.json) output.note(`${formatRoughly(now() - startedAt).padStart(6)}  ${line}`);
  };
  return {
    onMove(task) {
      told = nothingTold;
      tell(moveWords(task, now()));
      progress?.update(task.state);
    },
    onStep(step) {
      const telling = tellStep(step, told, { now: now(), isLive: output.isLive });
      told = telling.told;
      if (telling.isLine) tell(textOf(step));
      progress?.update(textOf(step));
    },
    onAbsence: tell,
    end: () => progress?.end(),
  };
}
