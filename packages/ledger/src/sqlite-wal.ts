import { type FileHandle, open, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Brings what SQLite has written ahead to the disk. */
export interface WalSync {
  /** Resolves when every commit made before the call survives a power cut. Calls that come together share one sync. */
  sync(): Promise<void>;
  close(): void;
}

/**
 * SQLite's own sync at each commit (`synchronous = FULL`) blocks the event loop and holds the write lock meanwhile. With
 * `NORMAL` it writes the same frames and leaves the sync of its log to a checkpoint, so it is made here, beside the loop.
 * The log is one file for all processes, written in order: a sync brings along whatever was committed before, by anybody.
 */
export function createWalSync(databasePath: string): WalSync {
  const path = resolve(databasePath);
  let log: Promise<FileHandle> | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  return {
    sync() {
      if (!running) return start();
      // The one that runs may have begun before the caller's commit.
      next ??= running
        .catch(() => undefined)
        .then(() => {
          next = undefined;
          return start();
        });
      return next;
    },
    close() {
      void log?.then((file) => file.close()).catch(() => undefined);
    },
  };

  function start(): Promise<void> {
    const flush = flushLog().finally(() => {
      if (running === flush) running = undefined;
    });
    running = flush;
    return flush;
  }

  async function flushLog(): Promise<void> {
    log ??= openLog(path);
    try {
      await (await log).datasync();
    } catch (error) {
      log = undefined;
      throw error;
    }
  }
}

/**
 * It stands beside the database itself, wherever a link to that may be, and lives as long as anybody is connected. A new
 * file also needs its folder's word for it.
 */
async function openLog(databasePath: string): Promise<FileHandle> {
  const path = `${await realpath(databasePath)}-wal`;
  const log = await open(path, 'r+');
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return log;
}
