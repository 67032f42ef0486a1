import { stripVTControlCharacters } from 'node:util';
import { paint, type Tone, wantsColor } from './color.js';
import { chosenColumns } from './columns.js';
import { withCommandName } from './command-name.js';
import { createLiveLine, type LiveLine } from './live-line.js';
import { printable } from './printable.js';
import { createProgress, type Progress, type ProgressOptions, type ProgressSurface } from './progress.js';
import type { Settings } from './settings.js';
import type { TextSink } from './streams.js';
import { type Column, columnsThatFit, type Field, renderFields, renderTable } from './table.js';
import { type AdviceStyle, wrapAdvice } from './wrap-advice.js';

/** What a command of any room needs to speak. Rooms that can't import this one declare the same shape. */
export interface CommandOutput {
  readonly json: boolean;
  /** Data, on stdout: `value` with `--json`, `humanText` otherwise, as it is: pass text from elsewhere through `printable`. */
  result(value: unknown, humanText: string): void;
  /** A line for the person, on stderr, made safe to print, its commands as by {@link hint}; nothing with `--quiet`. */
  note(line: string): void;
  /** A text of ours for a result, its commands (`warren …`, quoted or a line of their own) as this person can paste them. */
  hint(text: string): string;
  /** The same, wrapped at words for the terminal that stdout is, its commands whole; `lead` begins it, the rest hangs below. */
  prose(text: string, lead?: string): string;
  /** Cells in a line of the terminal that stdout is; undefined where it is none. */
  readonly width: number | undefined;
}

export interface Output extends CommandOutput {
  /**
   * A table that fits the terminal, on stdout, a note saying what of it had to yield; with `--json` the rows themselves, whole, as one array.
   * No rows: `empty` becomes a note, stdout stays empty (with `--json`: `[]`).
   */
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty?: string): void;
  /** One thing as `NAME  text` lines, on stdout; with `--json` the value. */
  fields(value: unknown, fields: readonly Field[]): void;
  /** Shown on stderr while it runs; nothing with `--quiet`. One at a time. */
  progress(options: ProgressOptions): Progress;
  /** Colours for stdout, or the text as it is. */
  paint(text: string, tone: Tone): string;
  /** Whether {@link progress} is drawn over and over, as one line that stays: on a terminal, and not with `--quiet`. */
  readonly isLive: boolean;
}

export interface OutputStreams {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds; only differences count. */
  readonly now: () => number;
  /** From `commandName`. Default `warren`. */
  readonly commandName?: string;
}

/**
 * @param settings read at each use, so that an output can exist before the command line is parsed.
 */
export function createOutput(settings: () => Settings, streams: OutputStreams): Output {
  const { stdout, stderr, env, commandName = 'warren' } = streams;
  const line = createLiveLine(stderr);
  const color = () => wantsColor({ flag: settings().colorFlag, env, isTty: stdout.isTTY === true });
  const print = (sink: TextSink, text: string) => line.around(() => sink.write(`${text}\n`));

  const output: Output = {
    get json() {
      return settings().json;
    },
    result(value, humanText) {
      if (settings().json) return print(stdout, toJson(value, stdout.isTTY === true));
      if (humanText !== '') print(stdout, color() ? humanText : stripVTControlCharacters(humanText));
    },
    note(text) {
      if (settings().quiet) return;
      print(stderr, wrapNote(printable(text), { name: commandName, width: widthOf(stderr) }));
    },
    hint: (text) => withCommandName(text, commandName),
    prose: (text, lead = '') => wrapAdvice(printable(text), { name: commandName, width: widthOf(stdout), lead }),
    table(rows, columns, empty = 'nothing to show') {
      if (rows.length === 0 && !settings().json) return output.note(empty);
      if (settings().json) return output.result(rows, '');
      const { columnNames, takesColumns } = settings();
      const width = widthOf(stdout);
      const chosen = chosenColumns(columns, columnNames);
      const shown = columnNames === undefined ? columnsThatFit(rows, chosen, width) : chosen;
      output.result(rows, renderTable(rows, shown, { width, color: color() }));
      const left = chosen.filter((column) => !shown.includes(column)).map(({ name }) => name);
      const how = takesColumns ? ' (--columns chooses)' : '';
      if (left.length > 0) output.note(`not shown in ${width} columns: ${left.join(', ')}${how}`);
    },
    fields(value, fields) {
      const isWhole = (line: string) => line.startsWith(`${commandName} `);
      output.result(value, renderFields(fields, { color: color(), width: widthOf(stdout), isWhole }));
    },
    progress: (options) => createProgress(options, surfaceFor(settings(), stderr, line), streams.now),
    paint: (text, tone) => paint(text, tone, color()),
    get isLive() {
      return surfaceFor(settings(), stderr, line).kind === 'terminal';
    },
    get width() {
      return widthOf(stdout);
    },
  };
  return output;
}

/** Below a column that leads the line, such as a time, stands nothing else. */
function wrapNote(text: string, style: AdviceStyle): string {
  const [lead = ''] = /^ +(?:\S+ {2,})?/.exec(text) ?? [];
  return wrapAdvice(text.slice(lead.length), { ...style, lead });
}

/** Plain progress lines are left out with `--json`: there a program reads stderr, for an error in JSON. */
function surfaceFor({ quiet, json }: Settings, stderr: TextSink, line: LiveLine): ProgressSurface {
  if (quiet) return { kind: 'none' };
  if (stderr.isTTY === true) return { kind: 'terminal', line };
  return json ? { kind: 'none' } : { kind: 'plain', print: (text) => stderr.write(`${text}\n`) };
}

/** Indented for a person at a terminal; one line for a program, so that several results are JSON lines. */
function toJson(value: unknown, indented: boolean): string {
  return JSON.stringify(value ?? null, undefined, indented ? 2 : undefined);
}

/** Undefined for what is no terminal, or one that doesn't say. */
export function widthOf(sink: TextSink): number | undefined {
  return sink.isTTY === true && sink.columns !== undefined && sink.columns > 0 ? sink.columns : undefined;
}
