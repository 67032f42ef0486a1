import { types } from 'node:util';
import { isReasonCode, type ReasonCode } from './reason-codes.js';
import { maxScheduleMs } from './submission.js';

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

/** Reads any thrown value as a {@link Failure}. A value that names no reason code becomes `unknown`. Never throws. */
export function failureOf(thrown: unknown): Failure {
  const error = isError(thrown) ? thrown : new Error(textOf(thrown));
  const code = 'code' in error && isReasonCode(error.code) ? error.code : networkCode(error);
  const retryAfterMs = 'retryAfterMs' in error ? usableWait(error.retryAfterMs) : undefined;
  return boundedFailure({
    code,
    message: textOf(error.message || error.name),
    ...(typeof error.stack === 'string' ? { stack: error.stack } : {}),
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

/** How deep a chain of causes is followed: `fetch` wraps the error of the socket once or twice. */
const maxCauses = 4;

/** Node's own network errors carry an errno where ours carry a reason code. */
function networkCode(error: Error): ReasonCode {
  let cause: unknown = error;
  for (let depth = 0; depth < maxCauses && isError(cause); depth++) {
    const errno = 'code' in cause ? cause.code : undefined;
    if (typeof errno === 'string' && networkErrnos.has(errno)) return 'network';
    cause = cause.cause;
  }
  return 'unknown';
}

/** An error of another realm (a vm context, a test's sandbox) is no instance of this realm's `Error`. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

/** Anything can be thrown, also what has no text. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'something without a text was thrown';
  }
}

/** Whole milliseconds, a year at most; what is no time is left out. */
function usableWait(ms: unknown): number | undefined {
  return typeof ms === 'number' && ms >= 0 ? Math.ceil(Math.min(ms, maxScheduleMs)) : undefined;
}
