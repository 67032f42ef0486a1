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

/** Only for a sink that is a terminal: elsewhere the control characters would be data. */
export function createLiveLine(terminal: TextSink): LiveLine {
  let shown = '';
  const erase = () => terminal.write(`${toLineStart}${eraseToEnd}`);
  // One cell stays free: a full line would wrap, and the next drawing would begin a line too low.
  const draw = () => terminal.write(`${toLineStart}${truncate(shown, widthOf(terminal) - 1)}${eraseToEnd}`);
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
