import type { Block } from '@warren/sources';
import { countWords } from './words.js';

/** What is known of a sentence besides its words' centrality. */
export interface Standing {
  readonly text: string;
  readonly blockKind: Block['kind'];
}

const fewestWords = 5;
const mostWords = 45;
/** A lead-in of so many words says something even without what it leads to. */
const wordsOfStatement = 9;

/** Openings that lean on the sentence before: read alone, they leave the reader asking "what does?". */
const leaning =
  /^(this|that|these|those|it|its|he|she|they|their|his|her|such|however|but|and|or|so|also|then|thus|therefore|hence|instead|otherwise|moreover|furthermore|additionally|consequently|in addition|for example|for instance|in this case|in that case|in other words|as a result|on the other hand|likewise|similarly|again|you can also|the (above|following|former|latter|same))\b/i;

/** Sentences that only send the reader elsewhere. */
const pointing =
  /^(please )?(see|check out|refer to|read (more|the|about)|visit|learn more|click|for (more|further|full|in-depth|additional|detailed) (information|details|documentation|examples))\b/i;

const endsAsSentence = /[.!?…。！？｡]["'”’»)\]]*$/u;

/**
 * How well a sentence stands alone in a summary, as a factor from about 0.1 to 1: fragments, lead-ins ("Options:"),
 * pointers elsewhere, bare enumerations, rows of labels, questions, very long sentences and lines of symbols stand badly.
 */
export function proseQuality({ text, blockKind }: Standing): number {
  const words = countWords(text);
  return [
    words < fewestWords ? 0.35 : 1,
    words > mostWords ? 0.75 : 1,
    endingFactor(text, blockKind, words),
    pointing.test(text) ? 0.5 : 1,
    commas(text) >= 5 && commas(text) / words > 0.2 ? 0.6 : 1,
    capitalShare(text) > 0.7 ? 0.3 : 1,
    letterShare(text) < 0.7 ? 0.5 : 1,
    /https?:\/\//.test(text) ? 0.8 : 1,
    blockKind === 'paragraph' ? 1 : 0.9,
  ].reduce((product, factor) => product * factor, 1);
}

/** Whether the sentence can't be understood without the one before it. */
export function leansOnPrevious(text: string): boolean {
  return leaning.test(text);
}

function endingFactor(text: string, blockKind: Block['kind'], words: number): number {
  if (/[?？]["'”’»)\]]*$/u.test(text)) return 0.6;
  if (endsAsSentence.test(text)) return 1;
  if (/[:：]$/.test(text)) return words < wordsOfStatement ? 0.35 : 0.8;
  return blockKind === 'list-item' ? 0.8 : 0.5;
}

/** The share of words that begin with a capital: high in rows of badges and links. One word alone is none. */
function capitalShare(text: string): number {
  const words = text.split(/\s+/).filter((word) => /^\p{L}/u.test(word));
  return words.length < 3 ? 0 : words.filter((word) => /^\p{Lu}/u.test(word)).length / words.length;
}

function commas(text: string): number {
  return text.match(/[,;、，；]/g)?.length ?? 0;
}

/** The share of letters, marks and spaces: low in lines of paths, options and numbers. */
function letterShare(text: string): number {
  return (text.match(/[\p{L}\p{M}\s]/gu)?.length ?? 0) / Math.max(1, Array.from(text).length);
}
