import { type ExitCode, exitCodes } from './exit-codes.js';

/** What an error says besides its message. Every part is optional. */
export interface ErrorDetails {
  /** One word for programs: a reason code, or `failed`, `usage`. */
  readonly code?: string;
  /** The flag, argument or field that it is about: `--delay`, `payload.length`. */
  readonly field?: string;
  /** What to do next, as a sentence without its full stop. */
  readonly next?: string;
  readonly exitCode?: ExitCode;
  readonly cause?: unknown;
}

/**
 * A failure that the operator can understand: `message` says what happened and to which thing, `next` what to do.
 * Exit code 1 and code `failed` unless said otherwise.
 */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly field: string | undefined;
  readonly next: string | undefined;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code ?? 'failed';
    this.exitCode = details.exitCode ?? exitCodes.failed;
    this.field = details.field;
    this.next = details.next;
  }
}

/** The command line or its input is wrong. Exit code 2, code `usage` unless said otherwise. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError';

  constructor(message: string, details: Omit<ErrorDetails, 'exitCode'> = {}) {
    super(message, { code: 'usage', ...details, exitCode: exitCodes.badInput });
  }
}
