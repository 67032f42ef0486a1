import { writeFile } from 'node:fs/promises';

/** Checks what `--out` says. Throws {@link TopologyUsageError}. */
export function assertNamesFile(out: string | undefined): void {
  if (out === '') throw new TopologyUsageError('--out', 'names no file', 'name one, or drop it to print');
}

/** Replaces the file. `what` is written: `the drawing`. */
export async function writeOut(file: string, text: string, what: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OutFileError(`${what} could not be written to ${file} (${why})`);
  }
}

/** The command line is wrong: nothing was drawn or written. */
export class TopologyUsageError extends Error {
  override readonly name = 'TopologyUsageError';
  readonly code = 'usage';
  readonly exitCode = 2;
  readonly field: string;
  readonly next: string;

  constructor(field: string, what: string, next: string) {
    super(`${field} ${what}`);
    this.field = field;
    this.next = next;
  }
}

class OutFileError extends Error {
  override readonly name = 'OutFileError';
  readonly code = 'failed';
  readonly exitCode = 1;
  readonly field = '--out';
  readonly next = 'name a file in a folder that exists and may be written to';
}
