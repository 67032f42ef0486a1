import { type Command, Option, type OptionValues } from 'commander';
import { z } from 'zod';
import { UsageError } from './errors.js';

/** The global flags, once they are parsed. */
export interface Settings {
  /** Data as JSON on stdout, errors as JSON on stderr. */
  readonly json: boolean;
  /** No notes and no progress; errors are still printed. */
  readonly quiet: boolean;
  /** False with `--no-color`; the environment and the stream have their say too. */
  readonly colorFlag: boolean;
  /** Names of the columns that a table shows; undefined: the command's own choice. */
  readonly columnNames: readonly string[] | undefined;
  /** Whether the command takes `--columns`. */
  readonly takesColumns: boolean;
}

export const defaultSettings: Settings = {
  json: false,
  quiet: false,
  colorFlag: true,
  columnNames: undefined,
  takesColumns: false,
};

export function addGlobalOptions(program: Command): Command {
  return program
    .addOption(new Option('-o, --output <format>', 'how data is printed (default: table)').choices(['table', 'json']))
    .option('--json', 'short for --output json')
    .option('-q, --quiet', 'neither notes nor progress on stderr')
    .option('--no-color', 'no colours (also: NO_COLOR, or when piped)');
}

const globalFlags = z.object({
  output: z.enum(['table', 'json']).optional(),
  json: z.boolean().default(false),
  quiet: z.boolean().default(false),
  color: z.boolean().default(true),
  columns: z.array(z.string()).optional(),
});

/**
 * Judges the parsed options of a command, globals included. Throws a UsageError where two flags disagree.
 * @param takesColumns whether the command has that flag.
 */
export function readSettings(options: OptionValues, takesColumns = false): Settings {
  const { output, json, quiet, color, columns } = globalFlags.parse(options);
  if (json && output === 'table') {
    throw new UsageError('--json: "--output table" says the opposite', {
      field: '--json',
      next: 'drop one of the two',
    });
  }
  const asJson = json || output === 'json';
  if (asJson && columns !== undefined) {
    throw new UsageError('--columns: chooses what a table shows, and JSON always holds the whole record', {
      field: '--columns',
      next: 'drop --columns, or pick fields from the JSON with a tool such as jq',
    });
  }
  return { json: asJson, quiet, colorFlag: color, columnNames: columns, takesColumns };
}

/** Whether errors are to be JSON, for a command line that may be too wrong to be parsed. */
export function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const flags = end === -1 ? argv : argv.slice(0, end);
  return flags.some(
    (flag, index) =>
      flag === '--json' ||
      ['--output=json', '-ojson'].includes(flag) ||
      (['--output', '-o'].includes(flag) && flags[index + 1] === 'json'),
  );
}
