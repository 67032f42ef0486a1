import { getBOMEncoding, normalizeEncoding, TextDecoder } from '@exodus/bytes/encoding.js';
import { TaskFailure } from '@warren/tasks';
import { declaredCharset } from './html-tree.js';

/** Node's own TextDecoder reads windows-1252 as latin-1, so curly quotes become control characters: hence the library's. */
const decode = (bytes: Uint8Array, encoding: string, fatal: boolean): string =>
  new TextDecoder(encoding, { fatal }).decode(bytes);

/** A file's text: UTF-8, or what its byte order mark says. Fails with `invalid-input` for anything else, naming the file. */
export function decodeFile(bytes: Uint8Array, name: string): string {
  const encoding = getBOMEncoding(bytes) ?? 'utf-8';
  try {
    return refuseBinary(decode(bytes, encoding, true), name);
  } catch (error) {
    if (error instanceof TaskFailure) throw error;
    throw new TaskFailure(
      'invalid-input',
      `${name} is not valid ${encoding.toUpperCase()} text. Convert it to UTF-8, or name a text file.`,
      { cause: error },
    );
  }
}

/**
 * A response's text. The encoding is what the byte order mark says, else the Content-Type's charset, else the page's
 * own `<meta>` (HTML only), else UTF-8 where the bytes are that, else windows-1252. Bytes that don't fit a declared
 * encoding become U+FFFD, as in a browser. Fails with `invalid-input` for an unknown charset and for binary content.
 */
export function decodeResponse(
  bytes: Uint8Array,
  source: { name: string; charset: string | undefined; html: boolean },
): string {
  const { name, charset, html } = source;
  const unknown = charset !== undefined && [null, 'replacement'].includes(normalizeEncoding(charset));
  if (unknown) {
    throw new TaskFailure('invalid-input', `${name} declares the unknown charset "${charset}". Name another page.`);
  }
  const encoding =
    getBOMEncoding(bytes) ??
    charset ??
    (html ? charsetInPage(bytes) : undefined) ??
    (isUtf8(bytes) ? 'utf-8' : 'windows-1252');
  return refuseBinary(decode(bytes, encoding, false), name);
}

/** How far into a page its own word on its charset is looked for, in bytes: as far as browsers do. */
const prescannedBytes = 1_024;

/** A page that could be read this far as single bytes isn't UTF-16, whatever it says. */
function charsetInPage(bytes: Uint8Array): string | undefined {
  const label = declaredCharset(decode(bytes.subarray(0, prescannedBytes), 'windows-1252', false));
  const encoding = label === undefined ? null : normalizeEncoding(label);
  return encoding === null || encoding === 'replacement' || encoding.startsWith('utf-16') ? undefined : encoding;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    decode(bytes, 'utf-8', true);
    return true;
  } catch {
    return false;
  }
}

function refuseBinary(text: string, name: string): string {
  if (!text.includes('\0')) return text;
  throw new TaskFailure('invalid-input', `${name} is binary, not text. Name a text, Markdown or HTML source.`);
}
