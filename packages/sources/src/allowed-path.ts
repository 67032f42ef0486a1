import { realpath } from 'node:fs/promises';
import { delimiter, isAbsolute, relative, resolve, sep } from 'node:path';
import { TaskFailure } from '@warren/tasks';
import { errorSaid } from './thrown-error.js';

const howSeparated = `separated by "${delimiter}"`;

/** A path that was found to lie below a configured folder once every symbolic link is resolved. */
export interface AllowedPath {
  /** As the task spells it. */
  readonly given: string;
  /** Without any symbolic link. */
  readonly real: string;
}

/**
 * Resolves a path and holds it against the configured folders (both without symbolic links). Fails with
 * `policy-violation` outside of them, whether or not there is such a file; with `not-found`, `refused` or
 * `invalid-input` for what can't be resolved below them.
 */
export async function resolveAllowed(given: string, directories: readonly string[]): Promise<AllowedPath> {
  const [first] = directories;
  if (first === undefined) {
    throw new TaskFailure(
      'policy-violation',
      `${given} was not read: no folder may be read here. Name folders in WARREN_SOURCES_DIRS (${howSeparated}), and start the workers anew.`,
    );
  }
  if (given.includes('\0')) throw new TaskFailure('invalid-input', 'A path holds a NUL character. Correct the path.');
  const path = resolve(first, given);
  const roots = await realRoots(directories);
  if (!isBelowAny(path, [...directories, ...roots])) throw outside(given);
  const real = await realpath(path).catch((error: unknown) => {
    throw fileFailure(given, error);
  });
  if (!isBelowAny(real, roots)) throw outside(given);
  return { given, real };
}

/** The configured folders without symbolic links; one that can't be resolved holds nothing. */
export async function realRoots(directories: readonly string[]): Promise<readonly string[]> {
  const roots = await Promise.all(directories.map((directory) => realpath(directory).catch(() => undefined)));
  return roots.filter((root) => root !== undefined);
}

/** Whether an absolute path is one of the roots or lies below one. Both sides must be without `..` and symbolic links. */
export function isBelowAny(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => {
    const way = relative(root, path);
    return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
  });
}

export function outside(given: string): TaskFailure {
  return new TaskFailure(
    'policy-violation',
    `${given} was not read: it is outside of the folders that may be read. Move it below one of them, or name its folder in WARREN_SOURCES_DIRS too (${howSeparated}; it replaces the default) and start the workers anew.`,
  );
}

/** What the file system says, as a reason code. */
export function fileFailure(given: string, error: unknown): TaskFailure {
  const errno = errorSaid(error).code;
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new TaskFailure('not-found', `${given} does not exist. Correct the path.`, { cause: error });
    case 'EACCES':
    case 'EPERM':
      return new TaskFailure(
        'refused',
        `${given} may not be opened by this worker. Give its user the right to read it.`,
        {
          cause: error,
        },
      );
    case 'ELOOP':
    case 'ENAMETOOLONG':
    case 'ENXIO':
      return new TaskFailure('invalid-input', `${given} can't be opened (${errno}). Name a regular file.`, {
        cause: error,
      });
    default:
      return new TaskFailure('unknown', `${given} could not be read (${errno}). Look at the disk it is on.`, {
        cause: error,
      });
  }
}
