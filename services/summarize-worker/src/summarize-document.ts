import {
  contentWordsOf,
  countWords,
  isTermEntry,
  leansOnPrevious,
  proseQuality,
  type Sentence,
  sentencesOf,
  type Word,
} from '@warren/language';
import type { Block, Document } from '@warren/sources';
import { type SummarizeResult, summaryLengths } from '@warren/tasks';
import { type Candidate, chooseSentences } from './choose-sentences.js';
import { keywordsOf } from './keywords.js';
import { centrality, documentFrequency, similarityGraph, vectorsOf } from './sentence-graph.js';

export interface SummarizeOptions {
  /** A word of `summaryLengths` or a number of sentences. */
  readonly length: keyof typeof summaryLengths | number;
  /** Keywords wanted, at most. 0: none. */
  readonly keywords: number;
}

/** Sentences in the graph, at most: it grows with their square. Of a longer text the most promising ones take part. */
export const maxGraphSentences = 1_200;

/** A summary seldom holds the sentence or the list that such a one leans on, and never the code that a lead-in leads to. */
const leaningFactor = 0.65;

const wordsOfSubstance = 9;

const leadWeight = 0.8;

/** A shorter one is chosen only where the text has nothing else. */
const fewestWords = 3;

/**
 * The most telling sentences of a document, word for word and in their order: sentences are ranked by how central they
 * are among all sentences, by where they stand and by how well they stand alone; none repeats another. Pure: the same
 * document gives the same summary. A document without a sentence gives an empty one.
 * `onStep` is told what is being done.
 */
export function summarizeDocument(
  document: Document,
  options: SummarizeOptions,
  onStep: (message: string) => void = () => {},
): SummarizeResult {
  const all = sentencesOf(document);
  onStep(`ranking ${all.length} ${all.length === 1 ? 'sentence' : 'sentences'}`);
  const words = all.map((sentence) => contentWordsOf(sentence.text));
  const places = placesOf(document, all);
  const pool = promising(all, words, places);
  const scored = scoresOf(document, pool);
  const chosen = chooseSentences(
    pool.map((entry, index) => candidateOf(entry, scored[index] ?? 0)),
    wantedSentences(options.length),
  ).flatMap((index) => {
    const sentence = pool[index]?.sentence;
    return sentence === undefined ? [] : [{ sentence, score: scored[index] ?? 0 }];
  });
  const headings = document.blocks.filter((block) => block.kind === 'heading');
  return {
    title: document.title,
    summary: joined(chosen.map(({ sentence }) => sentence)),
    sentences: chosen.map(({ sentence: { text, start, end, line }, score }) => ({ text, start, end, line, score })),
    keywords: keywordsOf(
      {
        title: contentWordsOf(document.title ?? ''),
        headings: headings.flatMap((heading) => contentWordsOf(heading.text)),
        sentences: words,
      },
      options.keywords,
    ),
    headings: headings.map(({ level, text }) => ({ level, text: onOneLine(text) })),
    source: { kind: document.kind, name: document.name, bytes: document.bytes, sentences: all.length },
  };
}

function wantedSentences(length: SummarizeOptions['length']): number {
  return typeof length === 'number' ? length : summaryLengths[length];
}

/** Where a sentence stands, which is half of what it is worth. */
interface Place {
  /** Counts the headings before it: its section. */
  readonly section: number;
  /** Its number within its section, from 0. */
  readonly inSection: number;
  readonly blockKind: Block['kind'];
}

interface Entry {
  readonly sentence: Sentence;
  readonly words: readonly Word[];
  readonly place: Place;
  readonly quality: number;
}

function placesOf(document: Document, sentences: readonly Sentence[]): Place[] {
  let section = 0;
  const sectionOfBlock = document.blocks.map((block) => {
    if (block.kind === 'heading') section += 1;
    return section;
  });
  const seen = new Map<number, number>();
  return sentences.map(({ block }) => {
    const at = sectionOfBlock[block] ?? 0;
    const inSection = seen.get(at) ?? 0;
    seen.set(at, inSection + 1);
    return { section: at, inSection, blockKind: document.blocks[block]?.kind ?? 'paragraph' };
  });
}

/** The sentences that take part, in text order: all that are long enough, or of a very long text those whose words are frequent in it. */
function promising(sentences: readonly Sentence[], words: readonly Word[][], places: readonly Place[]): Entry[] {
  const entries = sentences.flatMap((sentence, index): Entry[] => {
    const place = places[index];
    if (place === undefined) return [];
    const quality = proseQuality(sentence.text, place.blockKind) * (standsAlone(sentence.text) ? 1 : leaningFactor);
    return [{ sentence, words: words[index] ?? [], place, quality }];
  });
  const long = entries.filter(({ sentence }) => countWords(sentence.text) >= fewestWords);
  const eligible = long.length > 0 ? long : entries;
  return eligible.length > maxGraphSentences ? mostPromising(eligible) : eligible;
}

function standsAlone(text: string): boolean {
  return !leansOnPrevious(text) && !isTermEntry(text) && !/[:：]$/.test(text);
}

function mostPromising(entries: readonly Entry[]): Entry[] {
  const frequency = documentFrequency(entries.map((entry) => entry.words.map((word) => word.stem)));
  const leads = leadsOf(entries);
  return entries
    .map((entry, index) => ({ entry, index, promise: promiseOf(entry, frequency) * (1 + (leads[index] ?? 0)) }))
    .sort((a, b) => b.promise - a.promise || a.index - b.index)
    .slice(0, maxGraphSentences)
    .sort((a, b) => a.index - b.index)
    .map(({ entry }) => entry);
}

/** The mean of its words' frequencies in the whole text; three imaginary words keep the shortest sentences from winning. */
function promiseOf({ words, place, quality }: Entry, frequency: ReadonlyMap<string, number>): number {
  const sum = words.reduce((total, word) => total + Math.log(1 + (frequency.get(word.stem) ?? 0)), 0);
  return (sum / (words.length + 3)) * quality * placeFactor(place);
}

/** From 0 to 1, the best sentence 1, rounded to four digits. */
function scoresOf(document: Document, pool: readonly Entry[]): number[] {
  const ranks = centrality(similarityGraph(vectorsOf(pool.map((entry) => entry.words.map((word) => word.stem)))));
  const topRank = Math.max(...ranks, Number.MIN_VALUE);
  const title = new Set(contentWordsOf(document.title ?? '').map((word) => word.stem));
  const leads = leadsOf(pool);
  const raw = pool.map(({ quality, words, place }, position) => {
    const central =
      ((ranks[position] ?? 0) / topRank) * substance(words) * placeFactor(place) * titleFactor(words, title);
    return quality * (central + (leads[position] ?? 0));
  });
  const top = Math.max(...raw, Number.MIN_VALUE);
  return raw.map((score) => Math.round((score / top) * 10_000) / 10_000);
}

/** Similarity favours sentences of a few common words; they tell little. */
function substance(words: readonly Word[]): number {
  return Math.sqrt(Math.min(1, words.length / wordsOfSubstance));
}

/** What a text's opening is worth beside its centrality: it says what the text is. Badges and lines of links do not use it up. */
function leadsOf(pool: readonly Entry[]): number[] {
  const weight = leadWeight * Math.min(1, pool.length / 12);
  let decent = 0;
  return pool.map(({ quality }) => {
    const lead = weight * Math.exp(-decent / 2);
    if (quality >= 0.5) decent += 1;
    return lead;
  });
}

/** The first sentence of a section says what the section is about. */
function placeFactor({ inSection, section }: Place): number {
  return 1 + (inSection === 0 ? 0.2 : 0) + (section <= 1 ? 0.15 : 0);
}

function titleFactor(words: readonly Word[], title: ReadonlySet<string>): number {
  if (title.size === 0) return 1;
  const named = new Set(words.map((word) => word.stem).filter((stem) => title.has(stem)));
  return 1 + (0.2 * named.size) / title.size;
}

function candidateOf({ sentence, words, place }: Entry, score: number): Candidate {
  return {
    text: onOneLine(sentence.text),
    stems: new Set(words.map((word) => word.stem)),
    score,
    group: place.section,
  };
}

/** Sentences of one block make a paragraph; those of another block begin a new line. */
function joined(sentences: readonly Sentence[]): string {
  return sentences.reduce((summary, sentence, index) => {
    const before = sentences[index - 1];
    if (before === undefined) return onOneLine(sentence.text);
    const gap = before.block !== sentence.block ? '\n' : /[。！？]$/u.test(before.text) ? '' : ' ';
    return `${summary}${gap}${onOneLine(sentence.text)}`;
  }, '');
}

function onOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
