import { wordOverlap } from '@warren/language';

/** A sentence to choose from. */
export interface Candidate {
  readonly text: string;
  readonly stems: ReadonlySet<string>;
  /** How telling it is: greater is better, the best has 1. */
  readonly score: number;
  /** Sentences of one group (a section, say) are thinned out, so that a summary is not all from one place. */
  readonly group: number;
}

/** Sentences that share more of their words than this say the same thing. */
const sameThing = 0.7;
/** What likeness to a chosen sentence costs, as a share of the best score. */
const likenessCost = 0.5;
/** What each sentence already chosen from its group leaves of a score. */
const groupThinning = 0.85;

/** Indexes of at most `count` candidates, in the order of the candidates: the best ones, none repeating another (maximal marginal relevance). */
export function chooseSentences(candidates: readonly Candidate[], count: number): number[] {
  const chosen: number[] = [];
  const likeness = candidates.map(() => 0);
  const perGroup = new Map<number, number>();
  while (chosen.length < count) {
    const next = bestLeft(candidates, likeness, perGroup, chosen);
    const picked = next === undefined ? undefined : candidates[next];
    if (next === undefined || picked === undefined) break;
    chosen.push(next);
    perGroup.set(picked.group, (perGroup.get(picked.group) ?? 0) + 1);
    candidates.forEach((candidate, index) => {
      likeness[index] = Math.max(likeness[index] ?? 0, likenessOf(candidate, picked));
    });
  }
  return chosen.sort((a, b) => a - b);
}

/** It depends on the two alone, not on the text around them, so that a summary summarized again stays as it is. */
function likenessOf(a: Candidate, b: Candidate): number {
  return a.text === b.text ? 1 : wordOverlap(a.stems, b.stems);
}

function bestLeft(
  candidates: readonly Candidate[],
  likeness: readonly number[],
  perGroup: ReadonlyMap<number, number>,
  chosen: readonly number[],
): number | undefined {
  const taken = new Set(chosen);
  let best: { index: number; value: number } | undefined;
  candidates.forEach(({ score, group }, index) => {
    const alike = likeness[index] ?? 0;
    if (taken.has(index) || alike > sameThing) return;
    const value = score * groupThinning ** (perGroup.get(group) ?? 0) - likenessCost * alike;
    if (best === undefined || value > best.value) best = { index, value };
  });
  return best?.index;
}
