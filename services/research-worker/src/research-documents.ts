import type { Document } from '@warren/sources';
import type { ResearchResult } from '@warren/tasks';
import { composeAnswer } from './compose-answer.js';
import { type Findings, findEvidence, followEvidence } from './find-evidence.js';
import { createPassageIndex, type PassageIndex } from './passage-index.js';
import { passagesOf } from './passages.js';
import { type QuestionPart, splitQuestion } from './question.js';
import { candidatesOf } from './rate-sentences.js';

export interface ResearchOptions {
  readonly question: string;
  /** Rounds of reading, from 1: each further one follows terms found in the round before. */
  readonly depth: number;
  /** Sentences in the answer, at most. */
  readonly sentences: number;
}

export interface Researched {
  readonly result: ResearchResult;
  /** Passages that the documents were cut into. 0: they hold no sentence, and nothing could be answered. */
  readonly passages: number;
}

/** A step of the work, numbered from 1. */
export interface ResearchStep {
  readonly message: string;
  readonly done: number;
  readonly total: number;
}

/**
 * Answers a question from documents already read. Every sentence of the answer is one of theirs, word for word, on one
 * line, with the document's name and the line on which it begins; there are fewer than wanted where fewer are worth
 * showing. A part of the question that no sentence answers is named in `unanswered`, whether or not passages speak of
 * it; `passages` counts the passages read for a part, or used of a source. Pure but for `onStep`.
 */
export function researchDocuments(
  documents: readonly Document[],
  options: ResearchOptions,
  onStep: (step: ResearchStep) => void = () => {},
): Researched {
  const parts = splitQuestion(options.question);
  const total = parts.length * options.depth + 2;
  const passages = passagesOf(documents);
  onStep({ message: `indexing ${passages.length} ${passages.length === 1 ? 'passage' : 'passages'}`, done: 0, total });
  const index = createPassageIndex(passages);
  const findings = searchParts(parts, index, options.depth, (message, done) => onStep({ message, done, total }));
  onStep({ message: 'composing the answer', done: total - 1, total });
  const candidates = findings.map(candidatesOf);
  const result = {
    question: options.question,
    parts: findings.map(({ part, evidence }) => ({ question: part.text, passages: evidence.length })),
    answer: composeAnswer(candidates, options.sentences),
    unanswered: parts.filter((_, part) => candidates[part]?.length === 0).map(({ text }) => text),
    sources: passagesBySource(documents, findings),
  };
  return { result, passages: passages.length };
}

function searchParts(
  parts: readonly QuestionPart[],
  index: PassageIndex,
  depth: number,
  onSearch: (message: string, done: number) => void,
): Findings[] {
  return parts.map((part, number) => {
    const announce = (round: number) => {
      const message = `searching part ${number + 1} of ${parts.length}, round ${round} of ${depth}`;
      onSearch(message, number * depth + round);
    };
    announce(1);
    let findings = findEvidence(part, index);
    for (let round = 2; round <= depth; round += 1) {
      announce(round);
      findings = followEvidence(findings, index, round);
    }
    return findings;
  });
}

function passagesBySource(documents: readonly Document[], findings: readonly Findings[]): ResearchResult['sources'] {
  const used = new Map(findings.flatMap(({ evidence }) => evidence.map(({ passage }) => [passage.id, passage.source])));
  const sources = [...used.values()];
  return documents.map(({ name }) => ({ name, passages: sources.filter((source) => source === name).length }));
}
