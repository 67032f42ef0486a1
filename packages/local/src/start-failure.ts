import { z } from 'zod';
import { readState, writeState } from './state-file.js';

/** What a supervisor leaves for whoever started it: an error's words, as `explain` of a command line reads them. */
const startFailure = z.object({
  message: z.string(),
  code: z.string().optional(),
  next: z.string().optional(),
  exitCode: z.number().int().optional(),
});

/** The stack behind a supervisor did not start. */
class StackStartError extends Error {
  override readonly name = 'StackStartError';
  readonly code: string | undefined;
  readonly next: string | undefined;
  readonly exitCode: number | undefined;

  constructor({ message, code, next, exitCode }: z.infer<typeof startFailure>) {
    super(`the stack did not start: ${message}`);
    this.code = code;
    this.next = next;
    this.exitCode = exitCode;
  }
}

export function writeStartFailure(file: string, error: unknown): void {
  if (!(error instanceof Error)) return;
  const { message } = error;
  const said = startFailure.safeParse({ ...error, message });
  writeState(file, said.success ? said.data : { message });
}

/** Undefined where the supervisor had no time to say it. */
export function readStartFailure(file: string): Error | undefined {
  const failure = readState(file, startFailure);
  return failure === undefined ? undefined : new StackStartError(failure);
}
