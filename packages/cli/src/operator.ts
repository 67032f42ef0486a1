import { userInfo } from 'node:os';
import { UsageError } from './errors.js';

const maxChars = 100;

/** Who runs this: the name of the account, for the record. `somebody` where the account has no name. */
export function operatorName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number alone.
    return 'somebody';
  }
}

/** Reads a person's or a team's name. Throws a UsageError that names the flag. */
export function parseName(text: string, flag: string): string {
  const name = text.trim();
  if (name === '') throw new UsageError(`${flag}: a name is missing`, { field: flag });
  if (name.length <= maxChars) return name;
  throw new UsageError(`${flag}: a name has at most ${maxChars} characters`, { field: flag });
}
