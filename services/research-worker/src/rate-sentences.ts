import { proseQuality } from '@warren/language';
import type { Evidence, Findings, Wanted } from './find-evidence.js';
import type { Passage, PassageSentence } from './passages.js';
import type { Asks } from './question.js';

/** A sentence that may be shown as part of an answer. */
export interface Candidate {
  readonly passage: Passage;
  readonly sentence: PassageSentence;
  /** From 0 to 1: how much of what its part asks it is about. */
  readonly coverage: number;
  /** How well it answers its part, about 0 to 1.5. */
  readonly score: number;
  /** The part's terms that are in the sentence itself. */
  readonly spoken: ReadonlySet<Wanted>;
}

/** A sentence with less than this share of what its part asks is about something else. */
const leastCoverage = 0.5;
/** A sentence that stands worse than this answers nobody, however many of the words are in it. */
const leastQuality = 0.4;
/** A shorter sentence is a label, not an answer. */
const fewestStems = 2;

/** What a term counts that is not in the sentence, but in its headings or in the words that its block begins with. */
const announcedCredit = 0.5;
/** The same for a section's first sentence. */
const openingCredit = 0.8;
/** What a term counts that is in the sentence if it was spelled otherwise than it was asked. */
const guessCredit = 0.6;
/** What a term counts that is in the sentences around alone. */
const nearCredit = 0.2;
/** The same for what "it" stands for, which is named once and meant on. */
const meantCredit = 0.7;
/** How much of the coverage is due to what "it" stands for, where a part says so. */
const meantShare = 0.25;

const foundWeight = 0.2;
/** What it is worth that a sentence speaks of nothing else, rather than in passing. */
const densityWeight = 0.4;
const mostDensity = 0.5;
const followedWeight = 0.04;
const mostFollowed = 3;

/** The sentences of the evidence that are about the part and can be read by themselves; no order. */
export function candidatesOf(findings: Findings): Candidate[] {
  return findings.evidence
    .flatMap((evidence) => evidence.passage.sentences.map((sentence) => candidateOf(sentence, evidence, findings)))
    .filter((candidate) => candidate !== undefined);
}

function candidateOf(sentence: PassageSentence, evidence: Evidence, findings: Findings): Candidate | undefined {
  const quality = proseQuality(sentence.text, sentence.blockKind);
  const coverage = coverageOf(sentence, evidence.passage, findings);
  if (sentence.stems.size < fewestStems || quality < leastQuality || coverage < leastCoverage) return undefined;
  const spoken = new Set(findings.wanted.filter(({ stems }) => stems.some((stem) => sentence.stems.has(stem))));
  const density = Math.min(mostDensity, spoken.size / sentence.stems.size);
  const score = quality * (coverage + densityWeight * density + hintsIn(sentence, evidence, findings));
  return { passage: evidence.passage, sentence, coverage, score, spoken };
}

/** From 0 to 1: what share of its part's terms the sentence speaks of, by worth. */
function coverageOf(sentence: PassageSentence, passage: Passage, { wanted, inherited }: Findings): number {
  const announced = new Set([...passage.headings, ...sentence.announced]);
  const creditOf = ({ stems, guessed }: Wanted, near: number) => {
    const isIn = (found: ReadonlySet<string>) => stems.some((stem) => found.has(stem));
    if (isIn(sentence.stems)) return guessed ? guessCredit : 1;
    if (isIn(sentence.opens)) return openingCredit;
    return Math.max(isIn(announced) ? announcedCredit : 0, isIn(passage.stems) ? near : 0);
  };
  const own = meanCredit(wanted, (term) => creditOf(term, nearCredit));
  if (inherited.length === 0) return own;
  return (1 - meantShare) * own + meantShare * meanCredit(inherited, (term) => creditOf(term, meantCredit));
}

function meanCredit(terms: readonly Wanted[], creditOf: (term: Wanted) => number): number {
  const total = terms.reduce((sum, { worth }) => sum + worth, 0);
  return total === 0 ? 0 : terms.reduce((sum, term) => sum + term.worth * creditOf(term), 0) / total;
}

function hintsIn(sentence: PassageSentence, { score }: Evidence, { part, wanted, followed }: Findings): number {
  const leads = [...followed.keys()].filter((stem) => sentence.stems.has(stem)).length;
  return foundWeight * score + followedWeight * Math.min(mostFollowed, leads) + cueFor(part.asks, sentence, wanted);
}

function cueFor(asks: Asks, sentence: PassageSentence, wanted: readonly Wanted[]): number {
  switch (asks) {
    case 'definition':
      return opensWithSubject(sentence, wanted) ? 0.25 : 0;
    case 'number':
      return /\d/.test(sentence.text) ? 0.15 : 0;
    case 'reason':
      return /\b(because|since|so that|otherwise|would|therefore|reason|to avoid|so )/i.test(sentence.text) ? 0.15 : 0;
    case 'anything':
      return 0;
  }
}

/** Whether the first words name the rarest thing that is asked about: "Poison: the ledger counts…". */
function opensWithSubject({ words }: PassageSentence, wanted: readonly Wanted[]): boolean {
  const top = Math.max(...wanted.map(({ worth }) => worth));
  return wanted.some(({ stems, worth }) => worth === top && stems.some((stem) => words.slice(0, 2).includes(stem)));
}
