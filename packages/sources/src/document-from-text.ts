import type { Document } from './document.js';
import { type FormatChoice, formatOfText } from './format.js';
import { extractHtml } from './html-text.js';
import { extractMarkdown } from './markdown-text.js';
import { extractPlain } from './plain-text.js';
import { assembleDocument, type Extracted, type Origin } from './raw-block.js';

/**
 * Reads a text that was given directly. `auto` tells the format by what the text looks like. Fails with
 * `invalid-input` for HTML that nests deeper than any page does. An empty text gives a document without blocks.
 */
export function documentFromText(text: string, format: FormatChoice, name = 'text'): Document {
  return extractDocument(text, format, { name, kind: 'text', bytes: Buffer.byteLength(text) });
}

/** Makes a document of a decoded text, wherever it came from. */
export function extractDocument(text: string, choice: FormatChoice, origin: Omit<Origin, 'format'>): Document {
  const normal = normalized(text);
  const format = choice === 'auto' ? formatOfText(normal) : choice;
  return assembleDocument({ ...origin, format }, extract(normal, format, origin.name));
}

function extract(text: string, format: Origin['format'], name: string): Extracted {
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
