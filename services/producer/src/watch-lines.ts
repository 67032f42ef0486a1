import { formatTime, printable, wrapWords } from '@warren/cli';
import type { Task } from '@warren/ledger';
import { nearPaths } from './near-paths.js';

/** Something that happened to a task. */
export interface Happening {
  readonly task: Pick<Task, 'id' | 'type'>;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly text: string;
}

export interface WatchLinesStyle {
  /** Cells of the terminal; undefined: none, and each line stands by itself. */
  readonly width: number | undefined;
  /** Where the person is. */
  readonly cwd: string;
}

/**
 * Words for what happens. Elsewhere each line names its task, for who searches them; on a terminal that would leave no
 * room for the news, so a task has a heading, and another one where the news are of another task.
 */
export function createWatchLines({ cwd, width }: WatchLinesStyle): (happening: Happening) => string {
  let heading = '';
  return ({ at, task: { id, type }, text }) => {
    const time = formatTime(at).slice(11);
    if (width === undefined) return printable(`${time}  ${id}  ${type}  ${text}`);
    const before = heading;
    heading = `${id}  ${type}\n`;
    const news = wrapWords(printable(nearPaths(text, cwd)), width, `  ${time}  `);
    return `${before === heading ? '' : printable(heading)}${news}`;
  };
}
