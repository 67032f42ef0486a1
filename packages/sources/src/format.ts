import { extname } from 'node:path';
import type { Document } from './document.js';

export type Format = Document['format'];

/** `auto`: by the source's type or name where that tells, else by what the text looks like. */
export type FormatChoice = Format | 'auto';

/** The file names that hold text for people. A listing gives these, and files without an extension. */
const formatOfExtension: Readonly<Record<string, Format>> = {
  '.txt': 'plain',
  '.text': 'plain',
  '.log': 'plain',
  '.rst': 'plain',
  '.adoc': 'plain',
  '.org': 'plain',
  '.md': 'markdown',
  '.mdx': 'markdown',
  '.markdown': 'markdown',
  '.html': 'html',
  '.htm': 'html',
  '.xhtml': 'html',
};

export function formatOfName(path: string): Format | undefined {
  return formatOfExtension[extname(path).toLowerCase()];
}

/** Whether a file of this name is worth opening when a folder is listed. `README` and `LICENSE` have no extension. */
export function mayHoldText(path: string): boolean {
  return extname(path) === '' || formatOfName(path) !== undefined;
}

/** What a Content-Type says, or `unreadable` where it names something other than text. */
export function formatOfMediaType(mediaType: string, path: string): FormatChoice | 'unreadable' {
  switch (mediaType) {
    case '':
      return formatOfName(path) ?? 'auto';
    case 'text/html':
    case 'application/xhtml+xml':
      return 'html';
    case 'text/markdown':
    case 'text/x-markdown':
      return 'markdown';
    // Code hosts serve every file as text/plain: the name tells more.
    case 'text/plain':
      return formatOfName(path) === 'markdown' ? 'markdown' : 'plain';
    default:
      return mediaType.startsWith('text/') ? 'plain' : 'unreadable';
  }
}

/** How much of a text is looked at to tell its format, in characters. */
const sniffedChars = 20_000;

const looksLikeHtml =
  /^\s*(?:<!--(?:(?!-->)[\s\S])*-->\s*)*<(?:!doctype\s+html|html|head|body|article|main|section|div|h[1-6]|p|table)\b/i;

const looksLikeMarkdown = [
  /^#{1,6} \S/m,
  /^ {0,3}(?:```|~~~)/m,
  /^ {0,3}[-*+] \S.*\n(?:.*\n){0,3}? {0,3}[-*+] \S/m,
  /^\S.*\n(?:={3,}|-{3,})$/m,
  /\[[^\]\n]{1,200}\]\([^)\s]{1,500}\)/,
  /^ {0,3}> \S/m,
];

export function formatOfText(text: string): Format {
  const head = text.slice(0, sniffedChars);
  if (looksLikeHtml.test(head)) return 'html';
  return looksLikeMarkdown.some((pattern) => pattern.test(head)) ? 'markdown' : 'plain';
}
