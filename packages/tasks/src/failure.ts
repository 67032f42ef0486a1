import { isReasonCode, type ReasonCode } from './reason-codes.js';

/** Longest error message and stack kept on record, in characters: headers and rows are bounded. */
export const maxErrorMessageChars = 2_000;
export const maxErrorStackChars = 8_000;

/** What went wrong in one attempt, bounded so that it fits a header and a row. */
export interface Failure {
  readonly code: ReasonCode;
  readonly message: string;
  readonly stack?: string;
  /** How long the other side asked us to wait (Retry-After). */
  readonly retryAfterMs?: number;
}

/** Thrown by a handler (or by a library it uses) that knows why it failed. Anything else thrown is `unknown`. */
export class TaskFailure extends Error {
  override readonly name = 'TaskFailure';
  readonly code: ReasonCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: ReasonCode, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Reads any thrown value as a {@link Failure}. A value that names no reason code becomes `unknown`. */
export function failureOf(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = 'code' in error && isReasonCode(error.code) ? error.code : networkCode(error);
  const retryAfterMs =
    'retryAfterMs' in error && typeof error.retryAfterMs === 'number' ? error.retryAfterMs : undefined;
  return boundedFailure({
    code,
    message: error.message || error.name,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

export function boundedFailure(failure: Failure): Failure {
  const { stack, ...rest } = failure;
  return {
    ...rest,
    message: failure.message.slice(0, maxErrorMessageChars),
    ...(stack === undefined ? {} : { stack: stack.slice(0, maxErrorStackChars) }),
  };
}

const networkErrnos = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
]);

/** Node's own network errors carry an errno where ours carry a reason code. */
function networkCode(error: Error): ReasonCode {
  const errno = 'code' in error ? error.code : undefined;
  return typeof errno === 'string' && networkErrnos.has(errno) ? 'network' : 'unknown';
}
