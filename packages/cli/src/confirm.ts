import { createInterface } from 'node:readline';
import { CommandError, UsageError } from './errors.js';

export interface ConfirmOptions {
  /** The flag's value: true answers without asking. */
  readonly yes: boolean;
  /** How the error names that flag. Default `--yes`. */
  readonly flag?: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stderr: NodeJS.WritableStream;
}

/**
 * Asks once, on stderr. Only `y` and `yes` are a yes; an empty answer and the input's end are a no, and Ctrl-C throws a
 * CommandError: nothing was done. Where there is no terminal to answer on, throws a UsageError that names the flag.
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
  const answering = readAnswer(stdin);
  stderr.write(`${question} [y/N] `);
  const answer = await answering;
  if (answer.kind !== 'line') stderr.write('\n');
  if (answer.kind === 'interrupt') throw new CommandError('nothing was done', { code: 'interrupted' });
  return answer.kind === 'line' && /^y(es)?$/i.test(answer.text.trim());
}

type Answer = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'end' | 'interrupt' };

/** `terminal: false` leaves editing to the terminal itself, which makes a signal of Ctrl-C. */
function readAnswer(stdin: NodeJS.ReadableStream): Promise<Answer> {
  const lines = createInterface({ input: stdin, terminal: false });
  return new Promise((resolve) => {
    const settle = (answer: Answer) => {
      process.off('SIGINT', onInterrupt);
      resolve(answer);
      lines.close();
    };
    const onInterrupt = () => settle({ kind: 'interrupt' });
    process.once('SIGINT', onInterrupt);
    lines.once('line', (text) => settle({ kind: 'line', text }));
    lines.once('close', () => settle({ kind: 'end' }));
  });
}
