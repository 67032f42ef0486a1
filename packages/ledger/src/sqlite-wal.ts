import { type FileHandle, open, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * SQLite's write-ahead log, synced from beside it. SQLite's own sync at each commit (`synchronous = FULL`) blocks the event
 * loop and holds the write lock meanwhile. With `NORMAL` it writes the same frames and leaves their sync to a checkpoint.
 * The log is one file for all processes, written in order: a flush brings along whatever was committed before, by anybody.
 */
export interface SqliteWal {
  /** fdatasync, in Node's thread pool. */
  flush(): Promise<void>;
  close(): void;
}

export function openSqliteWal(databasePath: string): SqliteWal {
  const path = resolve(databasePath);
  let log: Promise<FileHandle> | undefined;
  let isClosed = false;

  return {
    async flush() {
      if (isClosed) throw new Error('the ledger was closed');
      log ??= openLog(path);
      try {
        await (await log).datasync();
      } catch (error) {
        close();
        throw error;
      }
    },
    close() {
      isClosed = true;
      close();
    },
  };

  function close(): void {
    log?.then((file) => file.close()).catch(() => undefined);
    log = undefined;
  }
}

/**
 * It stands beside the database itself, wherever a link to that may be, and lives as long as anybody is connected. A new
 * file also needs its folder's word for it.
 */
async function openLog(databasePath: string): Promise<FileHandle> {
  const path = `${await realpath(databasePath)}-wal`;
  const log = await open(path, 'r');
  try {
    await syncFolder(dirname(path));
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Some mounts take no sync of a folder, and some folders can't be read: SQLite does without it there, too. */
const folderCantBeSynced = new Set(['EACCES', 'EINVAL', 'EPERM']);

async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    if (!folderCantBeSynced.has(codeOf(error))) throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
