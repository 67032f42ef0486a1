import type { Stats } from 'node:fs';
import { constants, type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { TaskFailure } from '@warren/tasks';
import { type AllowedPath, fileFailure, isBelowAny, outside, realRoots, resolveAllowed } from './allowed-path.js';
import { atMost, joined, tooLarge } from './byte-limit.js';

/**
 * Reads a regular file below the configured folders. Fails with `policy-violation`, `not-found`, `refused` or
 * `invalid-input` (not a regular file, too large); when `signal` fires it throws the signal's reason.
 */
export async function readAllowedFile(
  given: string,
  limits: { directories: readonly string[]; maxBytes: number },
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  signal.throwIfAborted();
  return readResolved(await resolveAllowed(given, limits.directories), limits, signal);
}

/** Reads what a resolved path leads to now, which may be something else than when it was resolved. */
export async function readResolved(
  path: AllowedPath,
  limits: { directories: readonly string[]; maxBytes: number },
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const handle = await openRegular(path);
  try {
    await confirmPlace(handle, path, limits.directories);
    return await readWhole(handle, path.given, limits.maxBytes, signal);
  } finally {
    await handle.close();
  }
}

/** What the path names is looked at before it is opened, since opening a device can already do something. */
async function openRegular(path: AllowedPath): Promise<FileHandle> {
  try {
    refuseIrregular(await stat(path.real), path.given);
    // Not to wait for ever on a pipe, nor to follow a link, that took the file's place since.
    const handle = await open(path.real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      refuseIrregular(await handle.stat(), path.given);
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw error instanceof TaskFailure ? error : fileFailure(path.given, error);
  }
}

function refuseIrregular(stats: Stats, given: string): void {
  if (stats.isFile()) return;
  throw new TaskFailure(
    'invalid-input',
    stats.isDirectory()
      ? `${given} is a folder. Name a file in it.`
      : `${given} is not a regular file. Name a text file, not a pipe, socket or device.`,
  );
}

/** A folder on the way may have become a link between check and open, so what counts is where the open file really is. */
async function confirmPlace(handle: FileHandle, path: AllowedPath, directories: readonly string[]): Promise<void> {
  const roots = await realRoots(directories);
  const place = await placeOf(handle, path);
  if (place === undefined || !isBelowAny(place, roots)) throw outside(path.given);
}

/**
 * Where an open file is. Linux says it. Elsewhere the path is resolved once more and must still lead to the same
 * file; `undefined` if it does not.
 */
async function placeOf(handle: FileHandle, path: AllowedPath): Promise<string | undefined> {
  try {
    return await readlink(`/proc/self/fd/${handle.fd}`);
  } catch {
    return resolvedAgain(handle, path);
  }
}

export async function resolvedAgain(handle: FileHandle, path: AllowedPath): Promise<string | undefined> {
  try {
    const place = await realpath(path.real);
    const [opened, named] = await Promise.all([handle.stat(), stat(place)]);
    return opened.dev === named.dev && opened.ino === named.ino ? place : undefined;
  } catch {
    return undefined;
  }
}

async function readWhole(
  handle: FileHandle,
  given: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if ((await handle.stat()).size > maxBytes) throw tooLarge(given, maxBytes);
  try {
    return await joined(atMost(handle.createReadStream({ autoClose: false, signal }), maxBytes, given));
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof TaskFailure ? error : fileFailure(given, error);
  }
}
