import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isErrno } from './processes.js';

const tailBytes = 256 * 1024;

/** The last `count` lines of a file, read from at most its last 256 KiB; empty when there is no such file. */
export function lastLines(file: string, count: number): string[] {
  try {
    const handle = openSync(file, 'r');
    try {
      const { size } = fstatSync(handle);
      const length = Math.min(size, tailBytes);
      const buffer = Buffer.alloc(length);
      readSync(handle, buffer, 0, length, size - length);
      return buffer.toString('utf8').trimEnd().split('\n').slice(-count);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
