import { failureOf, type ReasonCode } from '@warren/tasks';
import { CommanderError } from 'commander';
import { type ExitCode, exitCodes, isExitCode } from './exit-codes.js';
import { withoutPasswords } from './printable.js';
import { inputIssues, issueLine, isZodError } from './zod-issues.js';

/** An error as the operator meets it. Passwords in URLs are already hidden. */
export interface Explanation {
  readonly code: string;
  readonly message: string;
  readonly field?: string;
  readonly next?: string;
  readonly exitCode: ExitCode;
}

/**
 * What any thrown value means on a command line. Rooms below this one can't import `CommandError`; an error of
 * theirs is understood by its shape: `code` (a reason code), `field`, `next`, `exitCode`, each if it has it, and a
 * message made for the operator. Bad input (exit code 2) is what says so, or has such a reason code. What the
 * language throws is `unexpected`.
 */
export function explain(thrown: unknown): Explanation {
  const explanation = isZodError(thrown) ? explainInput(thrown) : explainError(thrown);
  return { ...explanation, message: withoutPasswords(explanation.message) };
}

type ZodError = Parameters<typeof inputIssues>[0];

function explainInput(error: ZodError): Explanation {
  const issues = inputIssues(error);
  const field = issues[0]?.field;
  return {
    code: 'invalid-input',
    message: issues.map(issueLine).join('\n'),
    ...(field === undefined || field === '' ? {} : { field }),
    exitCode: exitCodes.badInput,
  };
}

function explainError(thrown: unknown): Explanation {
  const said = detailsOf(thrown);
  const message = messageOf(thrown);
  if (thrown instanceof CommanderError) return { ...said, code: 'usage', message, exitCode: exitCodes.badInput };
  if (isDefect(thrown, said)) return unexpected(message);
  const reason = failureOf(firstOf(thrown)).code;
  return {
    ...(reason === 'network' ? { next: 'check that it runs and that the address is right' } : {}),
    code: reason === 'unknown' ? 'failed' : reason,
    message,
    exitCode: badInput.has(reason) ? exitCodes.badInput : exitCodes.failed,
    ...said,
  };
}

/** Thrown by the language, or no error at all: nobody wrote its message for an operator. */
function isDefect(thrown: unknown, said: Details): boolean {
  if (!(thrown instanceof Error)) return true;
  if (said.next !== undefined || said.exitCode !== undefined) return false;
  const ofNode = 'code' in thrown && typeof thrown.code === 'string' && thrown.code.startsWith('ERR_');
  return ofNode || languageErrors.some((kind) => thrown instanceof kind);
}

const languageErrors = [TypeError, RangeError, ReferenceError, SyntaxError, URIError, EvalError];

function unexpected(message: string): Explanation {
  const [firstLine = ''] = message.split('\n', 1);
  return {
    code: 'unexpected',
    message: `unexpected: ${firstLine}`,
    next: 'WARREN_DEBUG=1 shows where it comes from',
    exitCode: exitCodes.failed,
  };
}

const badInput: ReadonlySet<ReasonCode> = new Set(['malformed', 'invalid-input', 'conflict']);

interface Details {
  readonly code?: string;
  readonly field?: string;
  readonly next?: string;
  readonly exitCode?: ExitCode;
}

function detailsOf(thrown: unknown): Details {
  if (!(thrown instanceof Error)) return {};
  const code = textOf(thrown, 'code');
  const field = textOf(thrown, 'field');
  const next = textOf(thrown, 'next');
  const exitCode: unknown = Reflect.get(thrown, 'exitCode');
  return {
    ...(code === undefined || isErrno(code) ? {} : { code }),
    ...(field === undefined ? {} : { field }),
    ...(next === undefined ? {} : { next }),
    ...(isExitCode(exitCode) && exitCode !== exitCodes.done ? { exitCode } : {}),
  };
}

function textOf(error: Error, key: keyof Details): string | undefined {
  const value: unknown = Reflect.get(error, key);
  return typeof value === 'string' ? value : undefined;
}

/** `ECONNREFUSED`, `ERR_INVALID_ARG_TYPE`: Node's words, which mean nothing to who reads our codes. */
function isErrno(code: string): boolean {
  return /^E[A-Z0-9_]+$/.test(code);
}

/** A connection tried over both IPv4 and IPv6 fails with an AggregateError whose own message is empty. */
function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown.message !== '') return thrown.message.replace(/^error: /, '');
  const first = firstOf(thrown);
  return first instanceof Error && first !== thrown ? messageOf(first) : thrown.name;
}

function firstOf(thrown: unknown): unknown {
  return thrown instanceof AggregateError && thrown.message === '' && thrown.errors.length > 0
    ? thrown.errors[0]
    : thrown;
}
