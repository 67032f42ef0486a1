import { createInterface } from 'node:readline';
import { UsageError } from './errors.js';

export interface ConfirmOptions {
  /** The flag's value: true answers without asking. */
  readonly yes: boolean;
  /** How the error names that flag. Default `--yes`. */
  readonly flag?: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stderr: NodeJS.WritableStream;
}

/**
 * Asks once, on stderr. Only `y` and `yes` are a yes; an empty answer and the input's end are a no.
 * Where there is no terminal to answer on, throws a UsageError that names the flag.
 */
export async function confirm(question: string, options: ConfirmOptions): Promise<boolean> {
  const { yes, flag = '--yes', stdin, stderr } = options;
  if (yes) return true;
  if (stdin.isTTY !== true) {
    throw new UsageError(`nobody can answer "${question}": the input is not a terminal`, {
      field: flag,
      next: `pass ${flag} to go on without being asked`,
    });
  }
  stderr.write(`${question} [y/N] `);
  const answer = await readAnswer(stdin);
  if (answer === undefined) stderr.write('\n');
  return /^y(es)?$/i.test(answer?.trim() ?? '');
}

/** `terminal: false` leaves editing and Ctrl-C to the terminal itself: an interrupt stays an interrupt. */
function readAnswer(stdin: NodeJS.ReadableStream): Promise<string | undefined> {
  const lines = createInterface({ input: stdin, terminal: false });
  return new Promise((resolve) => {
    lines.once('line', (line) => {
      resolve(line);
      lines.close();
    });
    lines.once('close', () => resolve(undefined));
  });
}
