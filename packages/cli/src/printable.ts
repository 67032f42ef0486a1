import { stripVTControlCharacters } from 'node:util';

/** Control characters except tab and line feed; and the marks that turn the direction of the text around them. */
const unsafe = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/**
 * Text from elsewhere (a task's input, a header, an error's message), made safe to print: it can neither move the
 * cursor, nor set colours or the window's title, nor reorder its line. Tabs and line feeds stay.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll('\r\n', '\n')
    .replace(unsafe, (mark) => (mark === '\n' || mark === '\t' ? mark : '\ufffd'));
}

/** Printable, and on one line: white space of any kind becomes one blank. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/gu, ' ')).trim();
}

/** Hides the password in every URL that a text holds: `amqp://warren:***@host`, `postgres://db/warren?password=***`. */
export function withoutPasswords(text: string): string {
  return text
    .replace(ownAddress, '$1***@')
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*:)[^\s@/]+@/giu, '$1***@')
    .replace(/([?&]password=)[^\s&#"'<>]+/giu, '$1***');
}

/** Of a broker or a ledger: what nobody percent-encoded in its password (`/`, `@`) belongs to it all the same. */
const ownAddress = /((?:amqps?|postgres(?:ql)?):(?:\/\/)?[^\s:@/]*:)(?:(?!,amqps?:)[^\s"'<>])+@/giu;
