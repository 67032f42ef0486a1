import type { TextSink } from './streams.js';
import { truncate } from './table.js';

/** The last line of a terminal, drawn again and again, while whole lines go by above it. */
export interface LiveLine {
  /** Draws it; a text wider than the terminal is cut. */
  show(text: string): void;
  clear(): void;
  /** Lets `write` print whole lines, to whichever stream, and draws the live line again below them. */
  around(write: () => void): void;
}

const toLineStart = '\r';
const eraseToEnd = '\u001b[K';
const assumedWidth = 80;
/**
 * Cells that stay free at the line's end: a line that wraps leaves a piece behind, for it is erased from the row where the
 * cursor is then. One for the cursor, two for the `^C` that a terminal echoes.
 */
const freeCells = 3;

/** Only for a sink that is a terminal: elsewhere the control characters would be data. */
export function createLiveLine(terminal: TextSink): LiveLine {
  let shown = '';
  const erase = () => terminal.write(`${toLineStart}${eraseToEnd}`);
  const draw = () => terminal.write(`${toLineStart}${truncate(shown, widthOf(terminal) - freeCells)}${eraseToEnd}`);
  return {
    show(text) {
      shown = text;
      draw();
    },
    clear() {
      if (shown !== '') erase();
      shown = '';
    },
    around(write) {
      if (shown === '') return write();
      erase();
      write();
      draw();
    },
  };
}

/** Some terminals (a fresh `script`, a serial line) report a width of 0. */
function widthOf(terminal: TextSink): number {
  return terminal.columns === undefined || terminal.columns === 0 ? assumedWidth : terminal.columns;
}
