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

/** What stands on record where who acts says no more. */
export const defaultNote = 'by hand';

const maxNoteChars = 500;

/** Reads `--note`, what is to stand on record. Throws a UsageError that names the flag. */
export function parseNote(text: string): string {
  const field = '--note';
  const note = text.trim();
  if (note === '') throw new UsageError(`${field}: must not be empty`, { field, next: 'say in a few words why' });
  if (note.length <= maxNoteChars) return note;
  throw new UsageError(`${field}: has to have at most ${maxNoteChars} characters`, {
    field,
    next: 'say it shorter, or where it is written',
  });
}

/** Reads a person's or a team's name. Throws a UsageError that names the flag. */
export function parseName(text: string, flag: string): string {
  const name = text.trim();
  if (name === '') throw new UsageError(`${flag}: a name is missing`, { field: flag });
  if (name.length <= maxChars) return name;
  throw new UsageError(`${flag}: a name has at most ${maxChars} characters`, { field: flag });
}
