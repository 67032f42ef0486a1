import { rmSync, writeFileSync } from 'node:fs';
import { pollUntil } from './polling.js';
import { identifyProcess, isErrno, isRunning, type ProcessIdentity, processIdentity } from './processes.js';
import { readState } from './state-file.js';

/** Runs `work` while no other process of this machine does under the same file. Waits for `waitMs` at most. */
export async function withFileLock<T>(file: string, waitMs: number, work: () => Promise<T>): Promise<T> {
  const self = identifyProcess(process.pid);
  if (self === undefined) throw new Error(`can't tell this process (pid ${process.pid}) from others on this system`);
  await pollUntil(() => (tryLock(file, self) ? true : undefined), {
    timeoutMs: waitMs,
    everyMs: 50,
    onTimeout: () => new Error(`${file} is held by another process for over ${waitMs} ms: end it or try again`),
  });
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function tryLock(file: string, self: ProcessIdentity): boolean {
  try {
    writeFileSync(file, JSON.stringify(self), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  const holder = holderOf(file);
  if (holder !== undefined && !isRunning(holder)) rmSync(file, { force: true });
  return false;
}

/** `undefined` also while its holder is still writing it. */
function holderOf(file: string): ProcessIdentity | undefined {
  try {
    return readState(file, processIdentity);
  } catch {
    return undefined;
  }
}
