import type { Word } from '@warren/language';

export interface Keyword {
  readonly word: string;
  /** From 0 to 1; the first keyword has 1. */
  readonly score: number;
}

/** How much an occurrence counts by where it stands. */
export interface Occurrences {
  readonly title: readonly Word[];
  readonly headings: readonly Word[];
  /** One list a sentence, in reading order. */
  readonly sentences: readonly (readonly Word[])[];
}

const titleWeight = 2;
const headingWeight = 1.5;

/** Words that are frequent everywhere and name no subject. */
const generic = new Set(
  'able add allow bit call case change come contain create default differ different do document example exist file follow found full general good great handl help hold import includ know line list long look main mean mode name need note number option part pass point possibl provid read requir result return run section set show simpl start stop support thing time tri two type user valu version way whether word work write'.split(
    ' ',
  ),
);

/**
 * The words that a text is about: frequent, spread over its sentences, and better if they stand in headings or early.
 * A word is spelled as it is spelled most often. The same text gives the same keywords in the same order.
 */
export function keywordsOf(occurrences: Occurrences, count: number): Keyword[] {
  const scores = scoresOf(occurrences);
  const spelling = spellingsOf([occurrences.title, occurrences.headings, ...occurrences.sentences]);
  const ranked = [...scores].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1)).slice(0, count);
  const best = ranked[0]?.[1] ?? 1;
  return ranked.map(([stem, score]) => ({ word: spelling.get(stem) ?? stem, score: rounded(score / best) }));
}

function scoresOf({ title, headings, sentences }: Occurrences): Map<string, number> {
  const weights = new Map<string, number>();
  const spread = new Map<string, number>();
  const add = (words: readonly Word[], weight: number) => {
    for (const { stem, surface } of words) {
      if (isNameable(stem, surface)) weights.set(stem, (weights.get(stem) ?? 0) + weight);
    }
  };
  add(title, titleWeight);
  add(headings, headingWeight);
  sentences.forEach((words, index) => {
    add(words, 1 + 0.5 * (1 - index / sentences.length));
    for (const stem of new Set(words.map((word) => word.stem))) spread.set(stem, (spread.get(stem) ?? 0) + 1);
  });
  for (const [stem, weight] of weights) weights.set(stem, weight * Math.log2(1 + (spread.get(stem) ?? 0)));
  return new Map([...weights].filter(([, score]) => score > 0));
}

function isNameable(stem: string, surface: string): boolean {
  const longEnough = /\p{sc=Han}/u.test(surface) ? surface.length >= 2 : surface.length >= 3;
  return longEnough && /^[\p{L}_]/u.test(surface) && !generic.has(stem);
}

function spellingsOf(lists: readonly (readonly Word[])[]): Map<string, string> {
  const counts = new Map<string, Map<string, number>>();
  for (const { stem, surface } of lists.flat()) {
    const forms = counts.get(stem) ?? new Map<string, number>();
    counts.set(stem, forms.set(surface, (forms.get(surface) ?? 0) + 1));
  }
  return new Map([...counts].map(([stem, forms]) => [stem, commonest(forms)]));
}

/** The most frequent form; of equals the one in lower case, then the shortest, then the first by code unit. */
function commonest(forms: ReadonlyMap<string, number>): string {
  const isLower = (form: string) => Number(form === form.toLowerCase());
  return (
    [...forms].sort(
      ([a, left], [b, right]) => right - left || isLower(b) - isLower(a) || a.length - b.length || (a < b ? -1 : 1),
    )[0]?.[0] ?? ''
  );
}

function rounded(score: number): number {
  return Math.round(score * 10_000) / 10_000;
}
