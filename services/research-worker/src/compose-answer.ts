import { leansOnPrevious, proseQuality, wordOverlap } from '@warren/engine';
import type { ResearchResult } from '@warren/tasks';
import { type Findings, shareOf, type Wanted } from './find-evidence.js';
import type { Passage, PassageSentence } from './passages.js';
import type { Asks } from './question.js';

export type AnswerSentence = ResearchResult['answer'][number];

/** Sentences that share more of their words than this say the same thing. */
const sameThing = 0.65;
/** A sentence this much weaker than its part's best one would only fill the answer. */
const leastShareOfBest = 0.65;
/** A shorter sentence is a label, not an answer. */
const fewestStems = 2;
const newCoverageBonus = 0.25;
const neighbourBonus = 0.12;
const likenessCost = 0.3;

interface Option {
  readonly passage: Passage;
  readonly sentence: PassageSentence;
  readonly score: number;
}

interface Picked extends Option {
  readonly part: number;
}

/**
 * Chooses at most `count` sentences: the parts take turns, each taking the sentence that answers it best and says what
 * is not said yet. They come part by part, a part's strongest source first, within a source as they stand there.
 */
export function composeAnswer(findings: readonly Findings[], count: number): AnswerSentence[] {
  const options = findings.map(optionsOf);
  const picked: Picked[] = [];
  const open = new Set(findings.keys());
  while (picked.length < count && open.size > 0) {
    for (const part of [...open]) {
      const finding = findings[part];
      const next = finding === undefined ? undefined : nextBest(options[part] ?? [], finding, part, picked);
      if (next === undefined) open.delete(part);
      else if (picked.length < count) picked.push({ ...next, part });
    }
  }
  return inReadingOrder(picked).map(({ passage, sentence }) => ({
    text: sentence.text,
    citation: { source: passage.source, line: sentence.line },
  }));
}

function optionsOf(findings: Findings): Option[] {
  return findings.evidence
    .flatMap(({ passage, score }) =>
      passage.sentences
        .filter((sentence) => sentence.stems.size >= fewestStems)
        .map((sentence) => ({ passage, sentence, score: scoreOf(sentence, passage, score, findings) })),
    )
    .filter(({ score }) => score > 0);
}

/** The part's words in the sentence count whole, those in its headings or its passage for a share: there they are what it is about. */
function scoreOf(sentence: PassageSentence, passage: Passage, found: number, findings: Findings): number {
  const { wanted, followed, part } = findings;
  const headings = new Set(passage.headings);
  const own = shareOf(wanted, isIn(sentence.stems));
  const withHeadings = shareOf(wanted, ({ stems }) => stems.some((s) => sentence.stems.has(s) || headings.has(s)));
  const withPassage = shareOf(wanted, isIn(passage.stems));
  const inherited = [...part.inherited.keys()].filter((stem) => sentence.stems.has(stem) || headings.has(stem)).length;
  const leads = [...followed.keys()].filter((stem) => sentence.stems.has(stem)).length;
  const relevance =
    own +
    0.5 * (withHeadings - own) +
    0.2 * Math.max(0, withPassage - withHeadings) +
    0.2 * found +
    0.1 * Math.min(2, inherited) +
    0.04 * Math.min(3, leads) +
    cueFor(part.asks, sentence, wanted);
  return own + withHeadings === 0
    ? 0
    : relevance * proseQuality({ text: sentence.text, blockKind: sentence.blockKind });
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

function nextBest(
  options: readonly Option[],
  { wanted }: Findings,
  part: number,
  picked: readonly Picked[],
): Option | undefined {
  const best = Math.max(...options.map(({ score }) => score), 0);
  const mine = picked.filter((other) => other.part === part);
  const said = new Set(mine.flatMap(({ sentence }) => [...sentence.stems]));
  let next: { option: Option; value: number } | undefined;
  for (const option of options) {
    const likeness = Math.max(0, ...picked.map((other) => likenessOf(other, option)));
    if (likeness > sameThing || option.score < best * leastShareOfBest) continue;
    const fresh = shareOf(wanted, ({ stems }) =>
      stems.some((stem) => option.sentence.stems.has(stem) && !said.has(stem)),
    );
    const follows = picked.some((other) => isNextTo(other, option));
    const adrift = leansOnPrevious(option.sentence.text) && !follows;
    const value =
      (adrift ? 0.7 : 1) * option.score +
      newCoverageBonus * fresh +
      (follows ? neighbourBonus : 0) -
      likenessCost * likeness;
    if (next === undefined || value > next.value) next = { option, value };
  }
  return next?.option;
}

function likenessOf(a: Option, b: Option): number {
  const isSame = a.sentence.text === b.sentence.text;
  return isSame ? 1 : wordOverlap(a.sentence.stems, b.sentence.stems);
}

function isNextTo(before: Option, after: Option): boolean {
  return before.passage.source === after.passage.source && after.sentence.index - before.sentence.index === 1;
}

function isIn(found: ReadonlySet<string>): (term: Wanted) => boolean {
  return ({ stems }) => stems.some((stem) => found.has(stem));
}

function inReadingOrder(picked: readonly Picked[]): Picked[] {
  const rank = new Map<string, number>();
  for (const { part, passage } of picked) {
    const key = `${part} ${passage.source}`;
    if (!rank.has(key)) rank.set(key, rank.size);
  }
  const rankOf = ({ part, passage }: Picked) => rank.get(`${part} ${passage.source}`) ?? 0;
  return [...picked].sort((a, b) => a.part - b.part || rankOf(a) - rankOf(b) || a.sentence.index - b.sentence.index);
}
