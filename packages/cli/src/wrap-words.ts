import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

/** Narrower than this, in cells, a column of prose is not made: the terminal wraps it better. */
const minWidth = 10;

/**
 * Prose wrapped at words, so that no line is wider than the terminal. A word that is wider than a line stands whole.
 * Colours and wide characters are known.
 * @param width cells; undefined (no terminal): nothing is wrapped.
 * @param lead begins the first line; the others begin with as many blanks.
 */
export function wrapWords(text: string, width: number | undefined, lead = ''): string {
  const indent = stringWidth(lead);
  if (width === undefined || width - indent < minWidth) return `${lead}${text}`;
  return `${lead}${wrapAnsi(text, width - indent, { hard: false }).replaceAll('\n', `\n${' '.repeat(indent)}`)}`;
}
