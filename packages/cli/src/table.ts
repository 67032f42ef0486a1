import stringWidth from 'string-width';
import { paint, type Tone } from './color.js';
import { oneLine, printable } from './printable.js';
import { wrapWords } from './wrap-words.js';

/** One column of a table of `Row`s. */
export interface Column<Row> {
  /** What `--columns` calls it. The header is this in capitals. */
  readonly name: string;
  readonly text: (row: Row) => string;
  /** May be cut, with an ellipsis, where the terminal is too narrow. Ids are not flexible: half an id is of no use. */
  readonly flexible?: boolean;
  readonly align?: 'left' | 'right';
  readonly tone?: (row: Row) => Tone | undefined;
  /** Shown only where `--columns` names it. */
  readonly optional?: boolean;
  /** Left out where the terminal is too narrow for all, unless `--columns` names it: the highest number first. */
  readonly yields?: number;
}

export interface TableStyle {
  /** Width of the terminal, in cells; undefined (not a terminal): nothing is cut. */
  readonly width: number | undefined;
  readonly color: boolean;
}

/** A flexible column is never cut below this many cells. */
export const minFlexibleWidth = 8;
/** Rather than to cut a flexible column below this many cells, one that yields is left out. */
const comfortableWidth = 12;
const gap = '  ';
const gapWidth = gap.length;

/**
 * A table with one header line, without a line feed at its end. Where even cut columns don't fit the width, each
 * row is a block of `NAME  text` lines instead. Cells are made safe to print.
 */
export function renderTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], style: TableStyle): string {
  const cells = rows.map((row) => columns.map((column) => oneLine(column.text(row))));
  const widths = fitWidths(columns, naturalWidths(columns, cells), style.width);
  if (widths === undefined) return rows.map((row) => renderBlock(row, columns, style)).join('\n\n');
  const header = renderLine(columns.map(headerOf), columns, widths, () => 'strong', style.color);
  const lines = rows.map((row, index) =>
    renderLine(cells[index] ?? [], columns, widths, (column) => column.tone?.(row), style.color),
  );
  return [header, ...lines].join('\n');
}

/** The columns without those that have to yield to the terminal's width. */
export function columnsThatFit<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number | undefined,
): readonly Column<Row>[] {
  if (width === undefined) return columns;
  const cells = rows.map((row) => columns.map((column) => oneLine(column.text(row))));
  const needed = naturalWidths(columns, cells).map((cell, index) =>
    columns[index]?.flexible === true ? Math.min(cell, comfortableWidth) : cell,
  );
  const order = columns.filter(({ yields }) => yields !== undefined).sort((a, b) => (b.yields ?? 0) - (a.yields ?? 0));
  const shown = new Set(columns);
  for (const next of order) {
    const left = needed.filter((_, index) => shown.has(columns[index] ?? next));
    if (left.reduce((sum, cell) => sum + cell, gapWidth * (left.length - 1)) <= width) break;
    shown.delete(next);
  }
  return columns.filter((column) => shown.has(column));
}

/** One line of a thing's description. The text may come from elsewhere: it is made safe to print. */
export type Field = readonly [name: string, text: string, tone?: Tone | undefined];

export interface FieldStyle {
  readonly color: boolean;
  /** Width of the terminal, in cells; undefined (not a terminal): nothing is wrapped. */
  readonly width?: number | undefined;
  /** A line that stays whole, such as a command that is to be pasted. Default: none. */
  readonly isWhole?: (line: string) => boolean;
}

/** Aligned `NAME  text` lines for one thing, wrapped at words; a text of several lines keeps them, indented. */
export function renderFields(fields: readonly Field[], style: FieldStyle): string {
  const { color, isWhole = () => false } = style;
  const width = Math.max(0, ...fields.map(([name]) => stringWidth(name)));
  const room = style.width === undefined ? undefined : style.width - width - gapWidth;
  const indent = `\n${' '.repeat(width + gapWidth)}`;
  const wrapped = (line: string) => (isWhole(line) ? line : wrapWords(line, room));
  return fields
    .map(([name, text, tone]) => {
      const label = paint(padded(name, width, 'left'), 'dim', color);
      const lines = printable(text).trimEnd().split('\n').map(wrapped).join('\n').replaceAll('\n', indent);
      return lines === '' ? label.trimEnd() : `${label}${gap}${paint(lines, tone, color)}`;
    })
    .join('\n');
}

/** Cuts a text to at most `width` cells; what is cut is marked by an ellipsis, which is counted. */
export function truncate(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    used += stringWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return width < 1 ? '' : `${kept}…`;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * Shrinks the widest flexible column first, the later of two equals, until the line fits.
 * Undefined where it can't fit.
 */
export function fitWidths(
  columns: readonly Pick<Column<never>, 'flexible'>[],
  natural: readonly number[],
  width: number | undefined,
): readonly number[] | undefined {
  const widths = [...natural];
  const total = () => widths.reduce((sum, cell) => sum + cell, gapWidth * Math.max(0, widths.length - 1));
  while (width !== undefined && total() > width) {
    const widest = widestFlexible(columns, widths);
    if (widest === undefined) return undefined;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function widestFlexible(columns: readonly Pick<Column<never>, 'flexible'>[], widths: readonly number[]) {
  let best: number | undefined;
  for (const [index, cell] of widths.entries()) {
    const mayShrink = columns[index]?.flexible === true && cell > minFlexibleWidth;
    if (mayShrink && (best === undefined || cell >= (widths[best] ?? 0))) best = index;
  }
  return best;
}

function naturalWidths<Row>(columns: readonly Column<Row>[], cells: readonly (readonly string[])[]): number[] {
  return columns.map((column, index) =>
    cells.reduce((widest, row) => Math.max(widest, stringWidth(row[index] ?? '')), stringWidth(headerOf(column))),
  );
}

function renderLine<Row>(
  cells: readonly string[],
  columns: readonly Column<Row>[],
  widths: readonly number[],
  toneOf: (column: Column<Row>) => Tone | undefined,
  color: boolean,
): string {
  const last = columns.length - 1;
  const parts = columns.map((column, index) => {
    const width = widths[index] ?? 0;
    const text = truncate(cells[index] ?? '', width);
    const align = column.align ?? 'left';
    const cell = index === last && align === 'left' ? text : padded(text, width, align);
    return paint(cell, toneOf(column), color);
  });
  return parts.join(gap).trimEnd();
}

function renderBlock<Row>(row: Row, columns: readonly Column<Row>[], style: TableStyle): string {
  const fields = columns.map((column): Field => [headerOf(column), oneLine(column.text(row)), column.tone?.(row)]);
  return renderFields(fields, style);
}

function headerOf<Row>(column: Column<Row>): string {
  return column.name.toUpperCase();
}

function padded(text: string, width: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return align === 'left' ? `${text}${blanks}` : `${blanks}${text}`;
}
