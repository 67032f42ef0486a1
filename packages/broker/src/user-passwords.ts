import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNativeError } from 'node:util/types';
import { messageOf } from './exception.js';
import type { WantedPassword } from './user-changes.js';

/** Fewer characters are taken for a mistake. */
const shortestPassword = 8;

/** A password that was given can't be used. Names where it came from, never the password. */
export class PasswordError extends Error {
  override readonly name = 'PasswordError';
  readonly code = 'invalid-input';
  readonly exitCode = 2;
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

/** `WARREN_PASSWORD_DLQ_PROCESSOR` of `dlq-processor`. */
export function passwordVariable(role: string): string {
  return `WARREN_PASSWORD_${role.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * The password that somebody chose for a user: in its variable, else in the file of its name in the folder, where a line
 * feed at the end is none of it. `keep` where there is neither. Throws a PasswordError.
 */
export function chosenPassword(
  user: { readonly role: string; readonly name: string },
  from: { readonly env: Readonly<Record<string, string | undefined>>; readonly folder: string | undefined },
): WantedPassword {
  const variable = passwordVariable(user.role);
  const value = from.env[variable];
  if (value) return { kind: 'given', password: judged(value, variable) };
  if (from.folder === undefined) return { kind: 'keep' };
  const file = join(from.folder, user.name);
  const text = textIn(file);
  return text === undefined ? { kind: 'keep' } : { kind: 'given', password: judged(text.replace(/\r?\n$/, ''), file) };
}

function judged(password: string, from: string): string {
  if (password.length < shortestPassword) {
    throw new PasswordError(
      `${from} holds a password of ${password.length} characters`,
      `take at least ${shortestPassword}: openssl rand -hex 24`,
    );
  }
  // A second line is a file of something else; and what can't be seen can't be put into a URL by hand.
  if (/\p{Cc}/u.test(password)) {
    throw new PasswordError(
      `${from} holds more than one line, or a control character`,
      'let it hold the password alone',
    );
  }
  return password;
}

function textIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isNativeError(error) && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new PasswordError(
      `the password in ${file} can't be read: ${messageOf(error)}`,
      'make it readable, or remove it',
    );
  }
}
