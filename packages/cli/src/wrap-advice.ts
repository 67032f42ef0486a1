import stringWidth from 'string-width';
import { isCommandLine, quotedCommand, withCommandName } from './command-name.js';
import { wrapWords } from './wrap-words.js';

/** Stands for a blank that is no place to break at: of a private range, so that no text has it. */
const glue = '\ue000';

export interface AdviceStyle {
  /** What a person types for this program, from `commandName`. */
  readonly name: string;
  /** Cells; undefined (no terminal): nothing is wrapped. */
  readonly width: number | undefined;
  /** Begins the first line; the others begin with as many blanks. Default: nothing. */
  readonly lead?: string;
}

/**
 * Prose wrapped as {@link wrapWords} does, its commands (`warren …`, quoted or a line of their own) named as this person
 * can paste them, and never broken. One that is wider than a line stands whole.
 */
export function wrapAdvice(text: string, { name, width, lead = '' }: AdviceStyle): string {
  const indent = ' '.repeat(stringWidth(lead));
  return text
    .split('\n')
    .map((line, index) => {
      const start = index === 0 ? lead : indent;
      if (isCommandLine(line)) return `${start}${withCommandName(line, name)}`;
      const joined = line.replace(quotedCommand, (command) => withCommandName(command, name).replaceAll(' ', glue));
      return wrapWords(joined, width, start).replaceAll(glue, ' ');
    })
    .join('\n');
}
