import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isErrno } from './processes.js';

const tailBytes = 256 * 1024;

/**
 * The last `count` lines of a file, read from at most its last 256 KiB; empty when there is no such file.
 * @param from lines before this byte are left out; a file that is shorter was begun anew. Default 0.
 */
export function lastLines(file: string, count: number, from = 0): string[] {
  try {
    const handle = openSync(file, 'r');
    try {
      const { size } = fstatSync(handle);
      const length = Math.min(size - (from <= size ? from : 0), tailBytes);
      const buffer = Buffer.alloc(length);
      readSync(handle, buffer, 0, length, size - length);
      const text = buffer.toString('utf8').trimEnd();
      return text === '' ? [] : text.split('\n').slice(-count);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
