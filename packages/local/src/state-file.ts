import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { z } from 'zod';
import { isErrno } from './processes.js';

/**
 * Writes whole or not at all, so that a reader never meets half a file. Readable by its owner only: states hold passwords.
 */
export function writeState(file: string, state: unknown): void {
  const draft = `${file}.${process.pid}.draft`;
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

/** `undefined` when there is no such file. A file that says something else than `schema` is an error. */
export function readState<T>(file: string, schema: z.ZodType<T>): T | undefined {
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`${file} can't be read as a state of this version: end what it names, then remove it`, {
      cause: error,
    });
  }
}

export function removeState(file: string): void {
  rmSync(file, { force: true });
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
