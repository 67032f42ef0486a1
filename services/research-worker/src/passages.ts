import { contentWordsOf, type Sentence, sentencesOf } from '@warren/engine';
import type { Block, Document } from '@warren/sources';

/** A sentence where it stands, ready to be compared. */
export interface PassageSentence {
  /** On one line. */
  readonly text: string;
  readonly line: number;
  /** Its number in its document, from 0. */
  readonly index: number;
  readonly blockKind: Block['kind'];
  /** Its stems in order, repeats kept. */
  readonly words: readonly string[];
  readonly stems: ReadonlySet<string>;
}

/** A few neighbouring sentences of one section: what is indexed, found and read. */
export interface Passage {
  /** Its number among all passages, from 0. */
  readonly id: number;
  /** Name of its document. */
  readonly source: string;
  readonly sentences: readonly PassageSentence[];
  readonly stems: ReadonlySet<string>;
  /** Stems of the headings that it stands under, outermost first. */
  readonly headings: readonly string[];
}

const maxPassageSentences = 5;
const maxPassageChars = 800;

/** Every document as passages, in reading order. A passage never crosses a heading. */
export function passagesOf(documents: readonly Document[]): Passage[] {
  const passages: Passage[] = [];
  for (const document of documents) {
    const trails = headingTrails(document);
    for (const window of windowsOf(document)) {
      const headings = trails[window[0]?.block ?? 0] ?? [];
      passages.push(passageOf(passages.length, document, window, headings));
    }
  }
  return passages;
}

interface NumberedSentence extends Sentence {
  readonly index: number;
}

function windowsOf(document: Document): NumberedSentence[][] {
  const sectionOf = sectionNumbers(document);
  const windows: NumberedSentence[][] = [];
  sentencesOf(document).forEach((sentence, index) => {
    const window = windows.at(-1);
    const first = window?.[0];
    const fits =
      window !== undefined &&
      first !== undefined &&
      sectionOf[first.block] === sectionOf[sentence.block] &&
      window.length < maxPassageSentences &&
      sentence.end - first.start <= maxPassageChars;
    if (fits) window.push({ ...sentence, index });
    else windows.push([{ ...sentence, index }]);
  });
  return windows;
}

function sectionNumbers(document: Document): number[] {
  let section = 0;
  return document.blocks.map((block) => {
    if (block.kind === 'heading') section += 1;
    return section;
  });
}

/** For each block the stems of the headings above it: a heading ends those of its own level and deeper. */
function headingTrails(document: Document): string[][] {
  let trail: { level: number; stems: string[] }[] = [];
  return document.blocks.map((block) => {
    if (block.kind === 'heading') {
      trail = [...trail.filter(({ level }) => level < block.level), { level: block.level, stems: stemsOf(block.text) }];
    }
    return trail.flatMap(({ stems }) => stems);
  });
}

function passageOf(
  id: number,
  document: Document,
  window: readonly NumberedSentence[],
  headings: readonly string[],
): Passage {
  const sentences = window.map(({ text, line, index, block }) => {
    const words = stemsOf(text);
    return {
      text: text.replaceAll(/\s+/g, ' '),
      line,
      index,
      blockKind: document.blocks[block]?.kind ?? 'paragraph',
      words,
      stems: new Set(words),
    };
  });
  const stems = new Set(sentences.flatMap((sentence) => sentence.words));
  return { id, source: document.name, sentences, stems, headings };
}

/** Stems with the parts of names: `attemptTimeoutMs` is found by "attempt timeout" too. */
function stemsOf(text: string): string[] {
  return contentWordsOf(text).flatMap(({ surface, stem }) => {
    const parts = surface.replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2').replaceAll(/[._]+/g, ' ');
    return parts === surface ? [stem] : [stem, ...contentWordsOf(parts).map((part) => part.stem)];
  });
}
