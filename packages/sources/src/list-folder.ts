import type { Stats } from 'node:fs';
import { access, constants, open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TaskFailure } from '@warren/tasks';
import { fileFailure, isBelowAny, realRoots, resolveAllowed } from './allowed-path.js';
import { mayHoldText } from './format.js';

export interface ListLimits {
  readonly directories: readonly string[];
  readonly maxBytes: number;
  readonly maxFiles: number;
  readonly maxDepth: number;
  readonly maxEntries: number;
}

/**
 * The text files below a folder, by path, in code unit order; a file gives itself. Left out are: hidden entries,
 * `node_modules`, files whose name or first bytes don't promise text, larger or unreadable ones, and symbolic links
 * that lead out of the configured folders. A folder or file that is reached twice is given once.
 * Fails as reading does, and with `invalid-input` when a limit is passed: a part of a folder is never passed off as all.
 */
export async function listTextFiles(
  given: string,
  limits: ListLimits,
  signal: AbortSignal,
): Promise<readonly string[]> {
  signal.throwIfAborted();
  const path = await resolveAllowed(given, limits.directories);
  const stats = await stat(path.real).catch((error: unknown) => {
    throw fileFailure(given, error);
  });
  if (!stats.isDirectory()) return [given];
  const walk = new FolderWalk(given, limits, await realRoots(limits.directories), signal);
  await walk.folder({ shown: given, real: path.real, depth: 0 });
  return walk.files.sort();
}

interface Folder {
  /** As the task spells it. */
  readonly shown: string;
  readonly real: string;
  readonly depth: number;
}

class FolderWalk {
  readonly files: string[] = [];
  private readonly given: string;
  private readonly limits: ListLimits;
  private readonly roots: readonly string[];
  private readonly signal: AbortSignal;
  private readonly seen = new Set<string>();
  private entries = 0;

  constructor(given: string, limits: ListLimits, roots: readonly string[], signal: AbortSignal) {
    this.given = given;
    this.limits = limits;
    this.roots = roots;
    this.signal = signal;
  }

  async folder(folder: Folder): Promise<void> {
    if (this.isKnown(folder.real)) return;
    if (folder.depth > this.limits.maxDepth) {
      throw this.beyond(`more than ${this.limits.maxDepth} levels of folders`, 'WARREN_SOURCES_MAX_DEPTH');
    }
    for (const name of await this.namesIn(folder)) {
      this.signal.throwIfAborted();
      await this.entry(folder, name);
    }
  }

  private async namesIn(folder: Folder): Promise<readonly string[]> {
    const names = await readdir(folder.real).catch((error: unknown) => {
      if (folder.depth === 0) throw fileFailure(this.given, error);
      return [];
    });
    this.entries += names.length;
    if (this.entries > this.limits.maxEntries) {
      throw this.beyond(`more than ${this.limits.maxEntries} entries`, 'WARREN_SOURCES_MAX_ENTRIES');
    }
    // Sorted, so that of two ways to one file the same is given every time.
    return names.filter((name) => !name.startsWith('.') && name !== 'node_modules').sort();
  }

  private async entry(folder: Folder, name: string): Promise<void> {
    const real = await realpath(join(folder.real, name)).catch(() => undefined);
    if (real === undefined || !isBelowAny(real, this.roots)) return;
    const stats = await stat(real).catch(() => undefined);
    const shown = join(folder.shown, name);
    if (stats?.isDirectory()) await this.folder({ shown, real, depth: folder.depth + 1 });
    else if (stats !== undefined && (await this.isReadableText(name, real, stats)) && !this.isKnown(real))
      this.add(shown);
  }

  private async isReadableText(name: string, real: string, stats: Stats): Promise<boolean> {
    if (!stats.isFile() || stats.size > this.limits.maxBytes || !mayHoldText(name)) return false;
    const readable = await access(real, constants.R_OK).then(
      () => true,
      () => false,
    );
    return readable && (await beginsAsText(real));
  }

  private add(shown: string): void {
    this.files.push(shown);
    if (this.files.length > this.limits.maxFiles) {
      throw this.beyond(`more than ${this.limits.maxFiles} text files`, 'WARREN_SOURCES_MAX_FILES');
    }
  }

  private isKnown(real: string): boolean {
    if (this.seen.has(real)) return true;
    this.seen.add(real);
    return false;
  }

  private beyond(what: string, variable: string): TaskFailure {
    return new TaskFailure(
      'invalid-input',
      `${this.given} holds ${what}. Name a smaller folder, or raise ${variable}.`,
    );
  }
}

const sniffedBytes = 1_024;

/** Compiled programs have no extension either; they hold a NUL early. UTF-16 does too, and says so by its mark. */
async function beginsAsText(real: string): Promise<boolean> {
  const handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(
    () => undefined,
  );
  if (handle === undefined) return false;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(sniffedBytes), 0, sniffedBytes, 0);
    const head = buffer.subarray(0, bytesRead);
    return !head.includes(0) || /^(?:fffe|feff)/.test(head.toString('hex', 0, 2));
  } finally {
    await handle.close();
  }
}
