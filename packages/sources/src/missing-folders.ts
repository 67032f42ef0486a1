import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SourcesConfig } from './config.js';

/** A logger such as pino's. */
interface WarningLog {
  warn(fields: { readonly folder: string }, message: string): void;
}

/**
 * Tells of each configured folder that is not there, as whole paths. No more than a warning: it may be mounted later, and
 * nothing below it can be read until then.
 */
export function warnOfMissingFolders({ directories }: Pick<SourcesConfig, 'directories'>, log: WarningLog): void {
  for (const directory of directories) {
    const folder = resolve(directory);
    if (!isFolder(folder))
      log.warn({ folder }, 'a folder of WARREN_SOURCES_DIRS is not there: no file below it is read');
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
