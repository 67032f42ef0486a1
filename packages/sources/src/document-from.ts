import { decodeFile, decodeResponse } from './decode-text.js';
import type { Document } from './document.js';
import { type Format, type FormatChoice, formatOfText } from './format.js';
import { extractHtml } from './html-text.js';
import { extractMarkdown } from './markdown-text.js';
import { extractPlain } from './plain-text.js';
import { assembleDocument, type Extracted, type Origin } from './raw-block.js';
import type { RawPage, RawSource } from './raw-source.js';

/**
 * Makes a document of a source: decodes it and takes its text out. `format` overrides what the source's name, its
 * server or its text says. Fails with `invalid-input` for what is no text, a file that is not UTF-8, an unknown
 * charset, and HTML that nests deeper than any page does. An empty source gives a document without blocks.
 *
 * Pure, and as slow as whoever wrote the source wants it to be (minutes for a few MiB of hostile HTML): call it in a
 * thread that can be ended, never in one that keeps a connection or a lease alive.
 */
export function documentFrom(raw: RawSource, format: FormatChoice = 'auto'): Document {
  switch (raw.kind) {
    case 'text':
      return documentFromText(raw.text, format);
    case 'file': {
      const origin = { name: raw.name, kind: raw.kind, bytes: raw.bytes.length };
      return extractDocument(decodeFile(raw.bytes, raw.name), chosen(format, raw.format), origin);
    }
    case 'url': {
      const origin = { name: raw.name, kind: raw.kind, bytes: raw.bytes.length };
      return extractDocument(decodePage(raw), chosen(format, raw.format), origin);
    }
  }
}

/** As {@link documentFrom}, for a text that is there already. */
export function documentFromText(text: string, format: FormatChoice, name = 'text'): Document {
  return extractDocument(text, format, { name, kind: 'text', bytes: Buffer.byteLength(text) });
}

function chosen(asked: FormatChoice, told: FormatChoice): FormatChoice {
  return asked === 'auto' ? told : asked;
}

/** Whether the page may name its own charset is the server's word, whatever format is asked for. */
function decodePage({ bytes, name, charset, format }: RawPage): string {
  return decodeResponse(bytes, { name, charset, html: format === 'html' || format === 'auto' });
}

function extractDocument(text: string, choice: FormatChoice, origin: Omit<Origin, 'format'>): Document {
  const normal = normalized(text);
  const format = choice === 'auto' ? formatOfText(normal) : choice;
  return assembleDocument({ ...origin, format }, extract(normal, format, origin.name));
}

function extract(text: string, format: Format, name: string): Extracted {
  switch (format) {
    case 'plain':
      return extractPlain(text);
    case 'markdown':
      return extractMarkdown(text);
    case 'html':
      return extractHtml(text, name);
  }
}

/** One sort of line end, no byte order mark, and no NUL, which a text column of a database refuses. */
function normalized(text: string): string {
  return text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .replaceAll('\0', '\uFFFD');
}
