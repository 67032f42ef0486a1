import { contentWordsOf, splitSentences } from '@warren/language';

/** What kind of sentence answers a part: one that defines, gives a number, or gives a reason. */
export type Asks = 'definition' | 'number' | 'reason' | 'anything';

/** One thing that is asked. */
export interface QuestionPart {
  /** As the asker wrote it. */
  readonly text: string;
  readonly asks: Asks;
  /** Its own stems, each with its weight: 1, or less for words that any question may hold ("difference", "happen"). */
  readonly terms: ReadonlyMap<string, number>;
  /** Stems taken over from the part before, which "it" or "they" stand for. They help to search and prove nothing. */
  readonly inherited: ReadonlyMap<string, number>;
}

/** More parts than this are one: a question is at most 2,000 characters. */
export const maxParts = 12;

const weakWeight = 0.15;
const inheritedWeight = 0.5;

/** Stems that say how something is asked rather than what about. */
const weakStems = new Set(
  'add allow answer between call caus compar consid creat defin describ detail determin differ effect exactli exampl explain find follow gener handl happen idea kind know like list long main mean name need number one order part possibl present provid purpos question reason relat show sort summari summar tell treat type understand valu way work'.split(
    ' ',
  ),
);

/** The things asked in a question, in its order: its sentences, list items and clauses. At least one for any question. */
export function splitQuestion(question: string): QuestionPart[] {
  const clauses = splitSentences(question, { keepLines: true })
    .flatMap(({ start, end }) => splitClauses(question.slice(start, end)))
    .map((clause) =>
      clause
        .replaceAll(/\s+/g, ' ')
        .replace(/^\d{1,3}[.)]\s+/, '')
        .trim(),
    )
    .filter((clause) => clause !== '');
  const texts = mergedWithoutSubject(clauses.length > 0 ? clauses : [question.trim()]);
  const parts: QuestionPart[] = [];
  for (const text of texts) parts.push(partOf(text, parts.at(-1)));
  return parts;
}

const asking =
  'how|what|why|when|where|which|who|whom|whose|whether|is|are|was|were|does|do|did|can|could|should|will|would|must|has|have|explain|describe|list|compare|name|tell|give|show';

/** "…, and what…", "… and does…", "…; …", "…, why…": but not "queues and exchanges". */
const clauseBoundary = new RegExp(
  `\\s*;\\s+|,?\\s+(?:and|or|but|as well as)\\s+(?:also\\s+|then\\s+)?(?=(?:(?:in|under|for|with|by|to|at|from|after|before) (?:what|which|whom)|${asking})\\b)|,\\s+(?=(?:how|what|why|when|where|which|who)\\b)`,
  'iu',
);

function splitClauses(sentence: string): string[] {
  return sentence.split(new RegExp(clauseBoundary, 'giu'));
}

/** A clause without a subject of its own ("Why?", "Tell me:") is asked together with the one before it, the first with the next. */
function mergedWithoutSubject(clauses: readonly string[]): string[] {
  const merged: string[] = [];
  for (const clause of clauses) {
    const before = merged.at(-1);
    if (before === undefined || (hasSubject(clause) && hasSubject(before) && merged.length < maxParts)) {
      merged.push(clause);
    } else {
      merged[merged.length - 1] = `${before} ${clause}`;
    }
  }
  return merged;
}

function hasSubject(clause: string): boolean {
  return contentWordsOf(clause).some(({ stem }) => !weakStems.has(stem));
}

function partOf(text: string, before: QuestionPart | undefined): QuestionPart {
  const terms = new Map(contentWordsOf(text).map(({ stem }) => [stem, weakStems.has(stem) ? weakWeight : 1]));
  const strong = [...terms.values()].filter((weight) => weight === 1).length;
  const leans = /\b(it|its|they|them|their|this|that|these|those|he|she|his|her|there)\b/i.test(text) || strong < 2;
  return { text, asks: askedBy(text), terms, inherited: leans ? inheritedFrom(before, terms) : new Map() };
}

function inheritedFrom(before: QuestionPart | undefined, own: ReadonlyMap<string, number>): Map<string, number> {
  const subjects = [...(before?.terms ?? [])].filter(([stem, weight]) => weight === 1 && !own.has(stem));
  return new Map(subjects.map(([stem]) => [stem, inheritedWeight]));
}

function askedBy(text: string): Asks {
  if (/\bhow (many|much|long|often|large|big|fast|far|old)\b|^when\b|\bwhat (limit|number|size|version)/i.test(text)) {
    return 'number';
  }
  if (/\bwhy\b|\b(what|which) reason/i.test(text)) return 'reason';
  return /^(what|who)('s| is| are| was| were)\b|\b(define|meaning of)\b|\bwhat does .* mean\b/i.test(text)
    ? 'definition'
    : 'anything';
}
