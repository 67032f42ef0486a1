import type { Block } from '@warren/sources';
import { countWords, isStopWord } from './words.js';

const fewestWords = 5;
const mostWords = 45;
/** A lead-in of so many words says something even without what it leads to. */
const wordsOfStatement = 9;

/** A call, an option, an assignment, a name in camel or snake case, a path or a file's name. */
const looksLikeCode = /\(\)|^-{1,2}\w|[={}<>\\$|]|\p{Ll}\p{Lu}|\w_\w|\w\/\w+\/|\w\.\w{2,4}\b/u;

/** A command is what the sentence speaks of, or the sentence is one. */
const commandLine = /^(?:[$>#%] |(?:npm|npx|yarn|pnpm|docker|git|curl|wget|pip|sudo|apt|brew|cargo|kubectl) \S)/;

const subjectless =
  /^(?:Returns|Adds|Allows|Sets|Gets|Creates|Removes|Fixes|Enables|Disables|Specifies|Defines|Converts|Takes|Indicates|Checks|Ensures|Prevents|Determines)\b/;

/** Sentences that only send the reader elsewhere. */
const pointing =
  /^(please )?(see|check out|refer to|read (more|the|about)|visit|learn more|click|for (more|further|full|in-depth|additional|detailed) (information|details|documentation|examples))\b/i;

/** A statement of so few words without a small one among them is a label. */
const mostWordsOfLabel = 8;

const endsAsSentence = /[.!?…。！？｡]["'”’»)\]]*$/u;

/**
 * How well a sentence stands alone in a summary, as a factor from about 0.1 to 1: fragments, lead-ins ("Options:"),
 * pointers elsewhere, bare enumerations, rows of labels, questions, very long sentences, commands and lines of symbols or
 * code stand badly.
 */
export function proseQuality(text: string, blockKind: Block['kind']): number {
  const words = countWords(text);
  return [
    words < fewestWords ? 0.35 : 1,
    words > mostWords ? 0.75 : 1,
    endingFactor(text, blockKind, words),
    pointing.test(text) ? 0.5 : 1,
    isEnumeration(text, words) ? 0.6 : 1,
    capitalShare(text) > 0.7 ? 0.3 : 1,
    letterShare(text) < 0.7 ? 0.5 : 1,
    codeShare(text) > 0.25 ? 0.7 : 1,
    openingFactor(text, blockKind),
    words <= mostWordsOfLabel && !hasSmallWord(text) ? 0.6 : 1,
    /https?:\/\//.test(text) ? 0.8 : 1,
    blockKind === 'paragraph' ? 1 : 0.9,
  ].reduce((product, factor) => product * factor, 1);
}

/** Commands and names of files make poor subjects; a verb without one has it in the heading above. */
function openingFactor(text: string, blockKind: Block['kind']): number {
  if (commandLine.test(text)) return 0.5;
  if (!/^\p{Ll}/u.test(text)) return subjectless.test(text) ? 0.8 : 1;
  if (looksLikeCode.test(text.split(/\s/, 1)[0] ?? '')) return 0.6;
  return blockKind === 'paragraph' ? 0.8 : 1;
}

/** Rows of labels have none: "Modern search result ranking". Texts in a script without spaces are not judged. */
function hasSmallWord(text: string): boolean {
  return !/^\p{sc=Latin}/u.test(text) || text.split(/[^\p{L}’']+/u).some(isStopWord);
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

/** Few commas have to stand close together for it: a sentence may list something and still say something of it. */
function isEnumeration(text: string, words: number): boolean {
  const commas = text.match(/[,;、，；]/g)?.length ?? 0;
  return (commas >= 3 && commas / words > 0.3) || (commas >= 5 && commas / words > 0.2);
}

/** The share of letters, marks and spaces: low in lines of paths, options and numbers. */
function letterShare(text: string): number {
  return (text.match(/[\p{L}\p{M}\s]/gu)?.length ?? 0) / Math.max(1, Array.from(text).length);
}

/** The share of what white space separates that looks like code: names in camel case, calls, paths, options. */
function codeShare(text: string): number {
  const pieces = text.split(/\s+/);
  return pieces.filter((piece) => looksLikeCode.test(piece)).length / pieces.length;
}
