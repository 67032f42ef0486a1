import { isStopWord } from './words.js';

/** Offsets into the text that was split: `end` is exclusive, no white space at either edge. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Longer ones, in UTF-16 units, are cut at a clause: a text without full stops must not come back as one sentence. */
export const maxSentenceChars = 800;

/** The sentences of one running text. `keepLines`: lines that look set on purpose (list items, short lines) end a sentence. */
export function splitSentences(text: string, { keepLines = false } = {}): Span[] {
  const flat = flattenLines(text, keepLines);
  return joinWrongSplits(flat, segmentsOf(flat))
    .flatMap((span) => cutAtDoubtfulStops(flat, span))
    .flatMap((span) => cutInto(flat, span, maxSentenceChars, [clauseEnd, wordEnd]))
    .map((span) => trimmed(flat, span))
    .filter((span) => /[\p{L}\p{N}]/u.test(flat.slice(span.start, span.end)));
}

const bullet = /^\s*([-*•–]|\d{1,3}[.)])\s/;

/** Turns a wrapped text's newlines into spaces, length kept: the segmenter would end a sentence at each. */
function flattenLines(text: string, keepLines: boolean): string {
  if (!keepLines) return text.replaceAll(/[\r\n]/g, ' ');
  const lines = text.split('\n');
  const width = lines.reduce((widest, line) => Math.max(widest, line.length), 0);
  return lines.reduce((flat, line, index) => {
    if (index === 0) return line;
    return flat + (endsOnPurpose(lines[index - 1] ?? '', line, width) ? '\n' : ' ') + line;
  }, '');
}

/** In wrapped text a line is left early only on purpose: when the next line's first word would have fitted well. */
function endsOnPurpose(line: string, next: string, width: number): boolean {
  if (bullet.test(next)) return true;
  const firstWord = next.trimStart().split(/\s/, 1)[0] ?? '';
  const early = line.trimEnd().length + firstWord.length + 1 < width * 0.7;
  return early && /^\s*[\p{Lu}\p{N}]/u.test(next) && !/[,;:\-–—(]\s*$/u.test(line);
}

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** The segmenter copies its whole text for every sentence that it finds, so it is given a window, in UTF-16 units, at a time. */
const windowChars = 4_096;

function segmentsOf(text: string): Span[] {
  return cutInto(text, { start: 0, end: text.length }, windowChars, [sentenceEnd, clauseEnd, wordEnd]).flatMap(
    (window) =>
      Array.from(segmenter.segment(text.slice(window.start, window.end)), ({ index, segment }) => ({
        start: window.start + index,
        end: window.start + index + segment.length,
      })),
  );
}

function joinWrongSplits(text: string, segments: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const segment of segments) {
    const before = joined.at(-1);
    const next = text.slice(segment.start, segment.end);
    const short = before !== undefined && before.end - before.start < maxSentenceChars;
    if (short && belongTogether(text.slice(before.start, before.end), next)) {
      joined[joined.length - 1] = { start: before.start, end: segment.end };
    } else {
      joined.push(segment);
    }
  }
  return joined;
}

/** Abbreviations that are followed by more of their sentence, in lower case and without the last full stop. */
const neverLast = new Set(
  'dr mr mrs ms prof st rev gen sen rep gov capt lt col sgt hon mt e.g i.e eg ie vs cf viz al fig figs eq sec ch vol ed eds pp ca approx resp incl excl'.split(
    ' ',
  ),
);

/** These end a sentence as often as not: a number after them shows that it goes on ("No. 5", "Jan. 3"). */
const beforeNumbers = new Set(
  'no nr p art para jan feb mar apr jun jul aug sep sept oct nov dec min max v ver'.split(' '),
);

/** These end a sentence before a capital, and seldom before a small letter ("etc. are"). */
const oftenMiddle = new Set('etc inc corp ltd dept est dist ext jr sr'.split(' '));

/** Whether the segmenter was wrong to end a sentence between the two. */
function belongTogether(before: string, next: string): boolean {
  if (/[\r\n]\s*$/.test(before)) return false;
  const end = before.trimEnd();
  if (end === before && /[.!?]$/.test(end)) return true;
  if (/^\s*\(?(\d{1,3}|\p{L})[.)]$/u.test(end)) return true;
  if (isAbbreviated(end, next)) return true;
  if (/[.!?…]["'”’»)\]]+$/u.test(end) && /^\p{Ll}/u.test(next)) return true;
  return hasOpenBracket(end) && next.includes(')') && end.length + next.length < maxSentenceChars;
}

function isAbbreviated(end: string, next: string): boolean {
  const word = /(?:^|[\s([{"'“‘/])([\p{L}.]+)\.$/u.exec(end)?.[1];
  if (word === undefined) return false;
  const lower = word.toLowerCase();
  if (neverLast.has(lower)) return true;
  if (beforeNumbers.has(lower) && /^\d/.test(next)) return true;
  return /^(\p{Lu}\.)*\p{Lu}$/u.test(word) && !startsAfresh(next);
}

/** After initials ("U.S.", "J.") a small common word ("The", "It") begins a new sentence; a name goes on. */
function startsAfresh(next: string): boolean {
  const word = /^[\p{L}']+/u.exec(next)?.[0];
  return word === undefined || isStopWord(word);
}

function hasOpenBracket(text: string): boolean {
  return text.lastIndexOf('(') > text.lastIndexOf(')');
}

/** From this length on, in UTF-16 units, a full stop before a small letter ends a sentence too: "… by name. amqplib bundles …". */
const longForOneSentence = 120;

function cutAtDoubtfulStops(text: string, { start, end }: Span): Span[] {
  if (end - start <= longForOneSentence) return [{ start, end }];
  const piece = text.slice(start, end);
  const stops = Array.from(piece.matchAll(/(?<=[\p{L}\d`)\]]{3})\.\s+(?=\p{Ll})/gu))
    .filter(({ index }) => !isShortened(lastWord(piece.slice(Math.max(0, index - 20), index))))
    .map((match) => start + match.index + match[0].length);
  return [start, ...stops].map((from, index) => ({ start: from, end: stops[index] ?? end }));
}

function isShortened(word: string): boolean {
  return neverLast.has(word) || beforeNumbers.has(word) || oftenMiddle.has(word);
}

function lastWord(text: string): string {
  return /[\p{L}.]*$/u.exec(text)?.[0].toLowerCase() ?? '';
}

/** Each takes the longest beginning of a text that ends well. Anchored: a failed match must not be tried at every letter. */
const sentenceEnd = /^.*(?:[.!?…]["'”’»)\]]*\s|[。！？｡])/su;
const clauseEnd = /^.*(?:[;:,](?=\s)|[；：，、])/su;
const wordEnd = /^.*\s/su;

/** The span in pieces of at most `most` UTF-16 units, each ending at the first of the boundaries that its second half holds. */
function cutInto(text: string, span: Span, most: number, boundaries: readonly RegExp[]): Span[] {
  const pieces: Span[] = [];
  let { start } = span;
  while (span.end - start > most) {
    const end = start + cutAt(text.slice(start, start + most), boundaries);
    pieces.push({ start, end });
    start = end;
  }
  return [...pieces, { start, end: span.end }];
}

/** Without any boundary, at its end, but never inside a surrogate pair. */
function cutAt(window: string, boundaries: readonly RegExp[]): number {
  for (const boundary of boundaries) {
    const length = boundary.exec(window)?.[0].length ?? 0;
    if (length > window.length / 2) return length;
  }
  return /[\uD800-\uDBFF]$/.test(window) ? window.length - 1 : window.length;
}

/** Without white space at the edges, and without the mark of a list item or a note before it ("- ", "[x] ", "[1] "). */
function trimmed(text: string, { start, end }: Span): Span {
  const piece = text.slice(start, end);
  const lead = /^\s*(?:[-*•–]\s+)?(?:\[[^\]]{0,6}\]\s+)*/.exec(piece)?.[0].length ?? 0;
  return { start: start + lead, end: start + Math.max(lead, piece.trimEnd().length) };
}
