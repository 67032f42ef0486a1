import { isatty } from 'node:tty';
import { types } from 'node:util';
import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { printable, withoutPasswords } from './printable.js';

/** Longest message and stack of an error in a line, in characters. */
const maxErrorMessageChars = 2_000;
const maxErrorStackChars = 8_000;

/**
 * What a task was given and gave, and what lets somebody in. Nobody means to log these; where a handler hands them to its
 * log all the same, they are left out, one level down as well.
 */
const neverLogged = [
  'payload',
  'input',
  'result',
  'body',
  'headers',
  'properties',
  'password',
  'secret',
  'apiKey',
  'authorization',
  'cookie',
];

/**
 * The log of a service, on stdout: JSON lines, or prose where stdout is a terminal. Each line is written before the next
 * statement runs: left to itself pino writes behind, and the last lines, which say why a process ended, come out of order
 * or not at all. Passwords in URLs are hidden, wherever in a line they stand.
 * @param level default `info`; a service sets `log.level` once it has read its configuration.
 */
export function createServiceLog(service: string, level = 'info'): Logger {
  const stdout = destination({ fd: 1, sync: true });
  return serviceLogTo(isatty(1) ? prose(stdout) : stdout, service, level);
}

/** The same, to any stream. */
export function serviceLogTo(stream: DestinationStream, service: string, level = 'info'): Logger {
  return pino(
    {
      level,
      base: { service },
      redact: { paths: neverLogged.flatMap((name) => [name, `*.${name}`]), censor: '[not logged]' },
      serializers: { err: errorFacts },
      hooks: { streamWrite: lineWithoutPasswords },
    },
    stream,
  );
}

/** Not pino's own way, a thread that formats: that one would still be at it when the process ends. */
function prose(stream: DestinationStream): DestinationStream {
  const format = prettyFactory({ singleLine: true, translateTime: 'SYS:HH:MM:ss.l' });
  return { write: (line) => stream.write(format(inEachString(line, printable))) };
}

/** The rest of an error stays out: a database's, for one, quotes the rows that it did not like. */
function errorFacts(thrown: unknown): Record<string, unknown> {
  if (!types.isNativeError(thrown)) return { type: typeof thrown };
  const { message, stack, type } = stdSerializers.err(thrown);
  const code = 'code' in thrown && typeof thrown.code === 'string' ? { code: thrown.code } : {};
  return {
    type,
    ...code,
    message: message.slice(0, maxErrorMessageChars),
    stack: stack.slice(0, maxErrorStackChars),
  };
}

/** String by string where there is something to hide: what looks like a password in a whole line may reach across two. */
function lineWithoutPasswords(line: string): string {
  return withoutPasswords(line) === line ? line : inEachString(line, withoutPasswords);
}

function inEachString(line: string, change: (text: string) => string): string {
  const changed = JSON.stringify(JSON.parse(line), (_, value: unknown) =>
    typeof value === 'string' ? change(value) : value,
  );
  return `${changed}\n`;
}
