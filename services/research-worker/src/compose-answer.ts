import { leansOnPrevious, wordOverlap } from '@warren/language';
import type { ResearchResult } from '@warren/tasks';
import type { Candidate } from './rate-sentences.js';

export type AnswerSentence = ResearchResult['answer'][number];

/** Sentences that share more of their words than this say the same thing. */
const sameThing = 0.65;
const likenessCost = 0.3;
/** A sentence this much weaker than its part's best one would only fill the answer; each further one has to be better. */
const leastShareOfBest = 0.82;
const risePerSentence = 0.04;
const mostShareOfBest = 0.9;
/** From this share of what is asked on, a sentence is about all of it. */
const wholeCoverage = 0.75;
/** What leaning on a sentence that isn't shown leaves of a score. */
const adriftFactor = 0.65;
const neighbourBonus = 0.12;

interface Picked extends Candidate {
  readonly part: number;
}

/**
 * Chooses at most `count` sentences of each part's candidates: the parts take turns, each taking the sentence that
 * answers it best and says what is not said yet, as long as one is nearly as good as its best. They come part by part,
 * a part's strongest source first, within a source as they stand there.
 */
export function composeAnswer(parts: readonly (readonly Candidate[])[], count: number): AnswerSentence[] {
  const picked: Picked[] = [];
  const open = new Set(parts.keys());
  while (picked.length < count && open.size > 0) {
    for (const part of [...open]) {
      const next = nextBest(parts[part] ?? [], part, picked);
      if (next === undefined) open.delete(part);
      else if (picked.length < count) picked.push({ ...next, part });
    }
  }
  return inReadingOrder(picked).map(({ passage, sentence }) => ({
    text: sentence.text,
    citation: { source: passage.source, line: sentence.line },
  }));
}

function nextBest(candidates: readonly Candidate[], part: number, picked: readonly Picked[]): Candidate | undefined {
  const mine = picked.filter((other) => other.part === part);
  const least = leastScore(candidates, mine.length);
  let next: { candidate: Candidate; value: number } | undefined;
  for (const candidate of candidates) {
    const likeness = Math.max(0, ...picked.map((other) => likenessOf(other, candidate)));
    const standing = standingOf(candidate, picked);
    if (likeness > sameThing || standing < least || !addsTo(mine, candidate)) continue;
    const value = standing - likenessCost * likeness;
    if (next === undefined || value > next.value) next = { candidate, value };
  }
  return next?.candidate;
}

/** The best is welcome as it is; others have to come up to it, the more of them are chosen. */
function leastScore(candidates: readonly Candidate[], chosen: number): number {
  if (chosen === 0) return 0;
  const best = Math.max(0, ...candidates.map((candidate) => standingOf(candidate, [])));
  return best * Math.min(mostShareOfBest, leastShareOfBest + risePerSentence * (chosen - 1));
}

/** Whether it is about all that is asked, or about something asked that no sentence so far speaks of. */
function addsTo(mine: readonly Candidate[], candidate: Candidate): boolean {
  if (mine.length === 0 || candidate.coverage >= wholeCoverage) return true;
  return [...candidate.spoken].some((term) => mine.every(({ spoken }) => !spoken.has(term)));
}

/** A candidate's score beside what is chosen: more where it goes on from a chosen sentence, less where it leans on one that isn't. */
function standingOf(candidate: Candidate, picked: readonly Picked[]): number {
  if (picked.some((other) => isNextTo(other, candidate))) return candidate.score + neighbourBonus;
  return leansOnPrevious(candidate.sentence.text) ? candidate.score * adriftFactor : candidate.score;
}

function likenessOf(a: Candidate, b: Candidate): number {
  const isSame = a.sentence.text === b.sentence.text;
  return isSame ? 1 : wordOverlap(a.sentence.stems, b.sentence.stems);
}

function isNextTo(before: Candidate, after: Candidate): boolean {
  return before.passage.source === after.passage.source && after.sentence.index - before.sentence.index === 1;
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
