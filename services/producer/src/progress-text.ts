import { z } from 'zod';

const progressStep = z.object({ message: z.string(), done: z.number().optional(), total: z.number().optional() });

export type ProgressStep = z.infer<typeof progressStep>;

/** The step that a task's row holds as JSON; undefined where it holds none. */
export function readProgress(progress: string | null): ProgressStep | undefined {
  if (progress === null) return undefined;
  const parsed = progressStep.safeParse(JSON.parse(progress));
  return parsed.success ? parsed.data : undefined;
}

/** `reading README.md (1 of 2)`. */
export function progressText({ message, done, total }: ProgressStep): string {
  return done === undefined || total === undefined || total === 0 ? message : `${message} (${done} of ${total})`;
}

/** What a step is a part of, by its first word, as handlers write them: `reading` for `reading README.md`. */
export function phaseOf({ message }: ProgressStep): string {
  const [word = ''] = message.trimStart().split(/\s/, 1);
  return word.slice(0, maxPhaseChars);
}

const maxPhaseChars = 40;
