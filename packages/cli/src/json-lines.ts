import { UsageError } from './errors.js';
import { decodeUtf8, reasonOf } from './input.js';
import type { ByteSource } from './streams.js';

/** The longest line that is read, in bytes. */
export const maxLineBytes = 4 * 1024 * 1024;

/** One line that isn't blank. Lines count from 1. A bad line is told, not thrown: the ones after it may be good. */
export type JsonLine =
  | { readonly ok: true; readonly line: number; readonly value: unknown }
  | { readonly ok: false; readonly line: number; readonly error: UsageError };

export interface JsonLinesOptions {
  /** What errors name: `--from`. */
  readonly flag: string;
  /** The file's name, or `stdin`. */
  readonly name: string;
  /** Default {@link maxLineBytes}. A longer line is an error, and is skipped without being held. */
  readonly maxLineBytes?: number;
}

/** Reads JSON Lines (one JSON value a line, UTF-8) as they come, holding one line at a time. */
export async function* readJsonLines(source: ByteSource, options: JsonLinesOptions): AsyncGenerator<JsonLine> {
  let number = 0;
  for await (const line of splitLines(source, options.maxLineBytes ?? maxLineBytes)) {
    number += 1;
    const parsed = parseLine(line, number, options);
    if (parsed !== undefined) yield parsed;
  }
}

type Line = { readonly kind: 'whole'; readonly bytes: Uint8Array } | { readonly kind: 'too-long' };

const lineFeed = 0x0a;

async function* splitLines(source: ByteSource, limit: number): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let size = 0;
  const take = (part: Uint8Array) => {
    size += part.length;
    if (size <= limit) parts.push(part);
    else parts = [];
  };
  const cut = (): Line => {
    const line: Line = size > limit ? { kind: 'too-long' } : { kind: 'whole', bytes: Buffer.concat(parts) };
    parts = [];
    size = 0;
    return line;
  };
  for await (const chunk of source) {
    let rest: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    for (let end = rest.indexOf(lineFeed); end !== -1; end = rest.indexOf(lineFeed)) {
      take(rest.subarray(0, end));
      yield cut();
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) take(rest);
  }
  if (size > 0) yield cut();
}

function parseLine(line: Line, number: number, options: JsonLinesOptions): JsonLine | undefined {
  const { flag, name, maxLineBytes: limit = maxLineBytes } = options;
  const where = `${flag}: ${name}:${number}`;
  try {
    if (line.kind === 'too-long') throw new UsageError(`${where}: is longer than ${limit} bytes`, { field: flag });
    const text = decodeUtf8(line.bytes, where, flag);
    return text.trim() === '' ? undefined : { ok: true, line: number, value: JSON.parse(text) };
  } catch (cause) {
    const error =
      cause instanceof UsageError
        ? cause
        : new UsageError(`${where}: is not JSON: ${reasonOf(cause)}`, { field: flag, cause });
    return { ok: false, line: number, error };
  }
}
