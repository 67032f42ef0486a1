import { Option } from 'commander';
import { completing } from './completions.js';
import { UsageError } from './errors.js';
import type { Column } from './table.js';

/** The `--columns` option of a command that prints a table; its help lists what may be named. */
export function columnsOption<Row>(columns: readonly Column<Row>[]): Option {
  const names = columns.map((column) => column.name).join(',');
  const option = new Option('--columns <names>', `what the table shows, in this order: ${names}`);
  option.argParser((text: string) => parseColumnNames(text, columns));
  return completing(
    option,
    columns.map(({ name }) => name),
  );
}

/** Reads `id,state,age`. Throws a UsageError that lists the valid names. */
export function parseColumnNames<Row>(text: string, columns: readonly Column<Row>[]): readonly string[] {
  const names = text.split(',').map((name) => name.trim().toLowerCase());
  for (const name of names) {
    if (columns.some((column) => column.name === name)) continue;
    throw new UsageError(`--columns: there is no column "${name}"`, {
      field: '--columns',
      next: `choose from ${columns.map((column) => column.name).join(', ')}`,
    });
  }
  return [...new Set(names)];
}

/** The columns that are shown: those named, in their order; otherwise all that aren't optional. */
export function chosenColumns<Row>(
  columns: readonly Column<Row>[],
  names: readonly string[] | undefined,
): readonly Column<Row>[] {
  if (names === undefined) return columns.filter((column) => column.optional !== true);
  return names.flatMap((name) => columns.filter((column) => column.name === name));
}
