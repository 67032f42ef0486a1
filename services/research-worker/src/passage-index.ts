import MiniSearch from 'minisearch';
import type { Passage } from './passages.js';

/** Stems to search for, each with its weight. */
export type Terms = ReadonlyMap<string, number>;

export interface Hit {
  readonly passage: Passage;
  /** BM25, the best hit of a search scaled to 1. */
  readonly score: number;
}

export interface PassageIndex {
  /** Passages that hold any of the terms, best first, at most `limit`. */
  search(terms: Terms, limit: number): Hit[];
  /** How much a stem tells: high for rare ones; one that no passage holds counts like one that few hold, not more. */
  rarity(stem: string): number;
  /** The stem itself if a passage holds it, else those that may be meant: one letter off, or a little longer. */
  resolve(stem: string): readonly string[];
}

const headingBoost = 1.4;
/** Shorter stems have too many neighbours for a guess. */
const fuzzyFromChars = 6;
const prefixFromChars = 5;
const mostCharsAdded = 4;
const mostGuesses = 3;

/** A full-text index over the passages, with the headings that each stands under. */
export function createPassageIndex(passages: readonly Passage[]): PassageIndex {
  const index = new MiniSearch<{ id: number; body: string; heading: string }>({
    fields: ['body', 'heading'],
    tokenize: (text) => text.split(' ').filter((stem) => stem !== ''),
    processTerm: (stem) => stem,
  });
  index.addAll(
    passages.map(({ id, sentences, headings }) => ({
      id,
      body: sentences.flatMap((sentence) => sentence.words).join(' '),
      heading: headings.join(' '),
    })),
  );
  const frequency = passageFrequency(passages);

  return {
    search(terms, limit) {
      const found = index.search([...terms.keys()].join(' '), {
        boost: { heading: headingBoost },
        boostTerm: (term) => terms.get(term) ?? 1,
      });
      const top = found[0]?.score ?? 1;
      return found.slice(0, limit).flatMap(({ id, score }) => {
        const passage = passages[id];
        return passage === undefined ? [] : [{ passage, score: score / top }];
      });
    },
    rarity(stem) {
      const count = frequency.get(stem) ?? Math.max(1, passages.length / 100);
      return Math.log(1 + (passages.length - count + 0.5) / (count + 0.5));
    },
    resolve(stem) {
      if (frequency.has(stem)) return [stem];
      const found = index.search(stem, {
        fuzzy: stem.length >= fuzzyFromChars ? 1 : false,
        prefix: stem.length >= prefixFromChars,
      });
      const guesses = new Set(found.flatMap((hit) => hit.terms));
      return [...guesses].filter((guess) => guess.length <= stem.length + mostCharsAdded).slice(0, mostGuesses);
    },
  };
}

function passageFrequency(passages: readonly Passage[]): Map<string, number> {
  const frequency = new Map<string, number>();
  for (const { stems, headings } of passages) {
    for (const stem of new Set([...stems, ...headings])) frequency.set(stem, (frequency.get(stem) ?? 0) + 1);
  }
  return frequency;
}
