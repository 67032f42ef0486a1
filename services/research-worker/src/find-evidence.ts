import type { PassageIndex, Terms } from './passage-index.js';
import type { Passage } from './passages.js';
import type { QuestionPart } from './question.js';

/** A term of a part: the stems that count as it, and what finding it is worth. */
export interface Wanted {
  readonly stems: readonly string[];
  readonly worth: number;
  /** Whether no passage holds the word itself, and its stems are of those that may be meant. */
  readonly guessed: boolean;
}

/** A passage that speaks of a part. */
export interface Evidence {
  readonly passage: Passage;
  /** From 0 to 1: how well it was found, less for later rounds. */
  readonly score: number;
}

/** What was found for one part, round by round. */
export interface Findings {
  readonly part: QuestionPart;
  readonly wanted: readonly Wanted[];
  /** What "it" or "they" in the part stand for. */
  readonly inherited: readonly Wanted[];
  /** Best first, no passage twice. Empty: the sources hold nothing on this part. */
  readonly evidence: readonly Evidence[];
  /** Stems that earlier rounds led to, each with its weight. */
  readonly followed: Terms;
}

/** Passages looked at in one search, and kept for one part. */
const passagesPerSearch = 40;
const passagesPerPart = 24;
/** A passage speaks of a part when it holds this share of the part's terms, rare ones counting more. */
const leastCoverage = 0.45;
/** A passage that a followed term led to must still hold this share. */
const leastCoverageFollowed = 0.25;
const followedStems = 6;
const followedWeight = 0.3;
/** What each further round leaves of a passage's score. */
const roundDecay = 0.7;

/** The first round: reads the passages that the part's own words lead to. */
export function findEvidence(part: QuestionPart, index: PassageIndex): Findings {
  const wanted = wantedBy(part.terms, index);
  const terms = new Map([...part.inherited, ...searchTerms(wanted)]);
  const evidence = index
    .search(terms, passagesPerSearch)
    .map(({ passage, score }) => ({ passage, coverage: passageCoverage(passage, wanted), score }))
    .filter(({ coverage }) => coverage >= leastCoverage)
    .map(({ passage, coverage, score }) => ({ passage, score: (score + coverage) / 2 }));
  const inherited = wantedBy(new Map([...part.inherited.keys()].map((stem) => [stem, 1])), index);
  return { part, wanted, inherited, evidence: bestFirst(evidence), followed: new Map() };
}

/** A further round: follows the telling words of the best passages so far. Leaves a part without any as it is. */
export function followEvidence(findings: Findings, index: PassageIndex, round: number): Findings {
  const { part, wanted, evidence } = findings;
  if (evidence.length === 0) return findings;
  const followed = tellingStems(findings, index);
  const known = new Set(evidence.map(({ passage }) => passage.id));
  const terms = new Map([...part.inherited, ...followed, ...searchTerms(wanted)]);
  const found = index
    .search(terms, passagesPerSearch)
    .filter(({ passage }) => !known.has(passage.id) && [...followed.keys()].some((stem) => passage.stems.has(stem)))
    .filter(({ passage }) => passageCoverage(passage, wanted) >= leastCoverageFollowed)
    .map(({ passage, score }) => ({ passage, score: score * roundDecay ** (round - 1) }));
  return {
    ...findings,
    evidence: bestFirst([...evidence, ...found]),
    followed: new Map([...followed, ...findings.followed]),
  };
}

/** From 0 to 1: what share of the wanted terms a passage and its headings hold, by worth. */
function passageCoverage(passage: Pick<Passage, 'stems' | 'headings'>, wanted: readonly Wanted[]): number {
  const headings = new Set(passage.headings);
  const isFound = ({ stems }: Wanted) => stems.some((stem) => passage.stems.has(stem) || headings.has(stem));
  const total = wanted.reduce((sum, { worth }) => sum + worth, 0);
  const found = wanted.reduce((sum, term) => (isFound(term) ? sum + term.worth : sum), 0);
  return total === 0 ? 0 : found / total;
}

/**
 * A weak word that no passage holds ("explain") is left out: missing it says nothing about the sources. Nor does it
 * make a weak word worth more that few passages hold it.
 */
function wantedBy(terms: Terms, index: PassageIndex): Wanted[] {
  return [...terms].flatMap(([stem, weight]) => {
    const stems = index.resolve(stem);
    if (stems.length === 0 && weight < 1) return [];
    const guessed = stems[0] !== stem;
    return [{ stems, guessed, worth: weight * Math.sqrt(weight < 1 ? 1 : index.rarity(stem)) }];
  });
}

function searchTerms(wanted: readonly Wanted[]): Terms {
  const top = Math.max(...wanted.map(({ worth }) => worth), Number.MIN_VALUE);
  return new Map(wanted.flatMap(({ stems, worth }) => stems.map((stem) => [stem, 0.3 + (0.7 * worth) / top] as const)));
}

/** Stems that are frequent in the best passages and rare elsewhere, and that were not searched for yet. */
function tellingStems({ part, wanted, evidence, followed }: Findings, index: PassageIndex): Terms {
  const searched = new Set([...part.inherited.keys(), ...followed.keys(), ...wanted.flatMap(({ stems }) => stems)]);
  const counts = new Map<string, number>();
  for (const { passage, score } of evidence.slice(0, 5)) {
    for (const stem of passage.stems) {
      if (!searched.has(stem) && /\p{L}{3,}|\p{sc=Han}{2,}/u.test(stem)) {
        counts.set(stem, (counts.get(stem) ?? 0) + score);
      }
    }
  }
  return new Map(
    [...counts]
      .map(([stem, count]) => ({ stem, weight: count ** 2 * index.rarity(stem) }))
      .sort((a, b) => b.weight - a.weight || (a.stem < b.stem ? -1 : 1))
      .slice(0, followedStems)
      .map(({ stem }) => [stem, followedWeight] as const),
  );
}

function bestFirst(evidence: readonly Evidence[]): Evidence[] {
  return [...evidence].sort((a, b) => b.score - a.score || a.passage.id - b.passage.id).slice(0, passagesPerPart);
}
