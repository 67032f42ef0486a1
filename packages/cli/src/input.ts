import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { UsageError } from './errors.js';
import type { ByteSource } from './streams.js';

/** The most that is read from a file or stdin as one JSON value. Larger input goes to a task by reference. */
export const maxInputBytes = 16 * 1024 * 1024;

export interface InputOptions {
  /** What errors name: `--input`. */
  readonly flag: string;
  readonly stdin: ByteSource;
  /** Default `maxInputBytes`. */
  readonly maxBytes?: number;
}

/** Reads one JSON value: given directly, from a file (`@path`), or from stdin (`-`). UTF-8, with or without its mark. */
export async function readInput(value: string, options: InputOptions): Promise<unknown> {
  const { flag, stdin } = options;
  if (value === '-') return parseJson(await readText(stdin, 'stdin', options), flag, 'stdin');
  if (value.startsWith('@')) {
    const path = value.slice(1);
    return parseJson(await readText(await openFile(path, flag), path, options), flag, path);
  }
  return parseJson(value, flag, undefined);
}

/** Opens a file, or stdin for `-`, as a stream of bytes. The error, if it can't be opened, comes at once. */
export async function openInput(value: string, { flag, stdin }: Pick<InputOptions, 'flag' | 'stdin'>) {
  return value === '-' ? stdin : await openFile(value, flag);
}

async function openFile(path: string, flag: string): Promise<ByteSource> {
  if (path === '') throw new UsageError(`${flag}: a file's path is missing`, { field: flag });
  try {
    const file = await open(path);
    if (!(await file.stat()).isDirectory()) return createReadStream('', { fd: file, autoClose: true });
    await file.close();
  } catch (error) {
    throw cannotRead(path, flag, error);
  }
  throw new UsageError(`${flag}: ${path} is a folder`, { field: flag, next: 'name a file' });
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  ENOTDIR: 'a part of its path is not a folder',
};

function cannotRead(path: string, flag: string, error: unknown): UsageError {
  const errno = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = reasons[errno] ?? (error instanceof Error ? error.message : String(error));
  return new UsageError(`${flag}: can't read ${path}: ${reason}`, { field: flag, cause: error });
}

async function readText(source: ByteSource, name: string, { flag, maxBytes = maxInputBytes }: InputOptions) {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    size += bytes.length;
    if (size > maxBytes) {
      throw new UsageError(`${flag}: ${name} is larger than ${maxBytes} bytes`, {
        field: flag,
        next: 'give large input by reference: a file or a URL that the worker reads',
      });
    }
    chunks.push(bytes);
  }
  return decodeUtf8(Buffer.concat(chunks), `${flag}: ${name}`, flag);
}

/** @param subject begins the error: `--input: task.json`. */
export function decodeUtf8(bytes: Uint8Array, subject: string, flag: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError(`${subject} is not UTF-8 text`, { field: flag, next: 'convert it to UTF-8', cause });
  }
}

function parseJson(text: string, flag: string, name: string | undefined): unknown {
  const where = name === undefined ? flag : `${flag}: ${name}`;
  if (text.trim() === '') throw new UsageError(`${where}: is empty, JSON expected`, { field: flag });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${where}: is not JSON: ${reasonOf(cause)}`, {
      field: flag,
      ...(name === undefined ? { next: `give JSON, @file, or - for stdin` } : {}),
      cause,
    });
  }
}

/** The parser's own reason. Some of its messages hold a piece of the input, which may be many lines. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error);
}
