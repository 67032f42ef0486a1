import { stemmer } from 'stemmer';
import { baseOfIrregular } from './irregular-forms.js';
import { englishStopWords } from './stop-words.js';

/** A word that carries meaning, as written and as compared. */
export interface Word {
  readonly surface: string;
  /** Lower case, without its English ending: "lose", "losing" and "lost" are one. Words of other scripts are kept whole. */
  readonly stem: string;
}

const segmenter = new Intl.Segmenter('en', { granularity: 'word' });
const stopWords = new Set(englishStopWords);

/** The words of a text in order, without stop words, single letters and single kana. */
export function contentWordsOf(text: string): Word[] {
  return surfacesOf(text)
    .filter((surface) => !isStopWord(surface) && !isTooSmall(surface))
    .map((surface) => ({ surface, stem: stemOf(surface) }));
}

export function countWords(text: string): number {
  return surfacesOf(text).length;
}

export function isStopWord(word: string): boolean {
  return stopWords.has(word.toLowerCase().replaceAll('’', "'"));
}

/** How alike two texts are by their stems: from 0, no word shared, to 1, the same words (Dice). Two empty ones share nothing. */
export function wordOverlap(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 || b.size === 0) return 0;
  let shared = 0;
  for (const stem of a) if (b.has(stem)) shared += 1;
  return (2 * shared) / (a.size + b.size);
}

function surfacesOf(text: string): string[] {
  return Array.from(segmenter.segment(text))
    .filter((part) => part.isWordLike)
    .map((part) => part.segment.replace(/['’]s$/i, ''));
}

function isTooSmall(surface: string): boolean {
  return /^(\p{sc=Latin}|\p{sc=Cyrillic}|\p{sc=Greek}|_+|\p{sc=Hiragana}{1,2})$/u.test(surface);
}

function stemOf(surface: string): string {
  const lower = surface.normalize('NFKC').toLowerCase();
  if (!/^[a-z]{3,40}$/.test(lower)) return lower;
  // The stemmer leaves the last letter of "queue", but not of "queued".
  return stemmer(baseOfIrregular.get(lower) ?? lower).replace(/(?<=..[aeiou])e$/, '');
}
