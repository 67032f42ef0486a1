import { contentWordsOf, countWords, type Sentence, sentencesOf } from '@warren/language';
import type { Block, Document } from '@warren/sources';

/** A sentence where it stands, ready to be compared. */
export interface PassageSentence {
  /** On one line. */
  readonly text: string;
  readonly line: number;
  /** Its number in its document, from 0. */
  readonly index: number;
  readonly blockKind: Block['kind'];
  /** Stems of the heading right above its section, of which it is the first sentence; else none. */
  readonly opens: ReadonlySet<string>;
  /** Stems of the few words that its block begins with when these announce the rest: "Nothing is lost. …". */
  readonly announced: ReadonlySet<string>;
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

/** Words in a block's first sentence, at most, for it to announce the others as a heading does. */
const mostAnnouncingWords = 6;

const maxPassageSentences = 5;
const maxPassageChars = 800;

/** Every document as passages, in reading order. A passage never crosses a heading. */
export function passagesOf(documents: readonly Document[]): Passage[] {
  const passages: Passage[] = [];
  for (const document of documents) {
    for (const window of windowsOf(placedSentences(document))) {
      passages.push(passageOf(passages.length, document.name, window));
    }
  }
  return passages;
}

/** What stands between two headings. */
interface Section {
  /** Stems of the headings above it, outermost first. */
  readonly trail: readonly string[];
  /** Stems of the innermost of them. */
  readonly heading: readonly string[];
}

interface PlacedSentence extends Sentence {
  readonly index: number;
  readonly blockKind: Block['kind'];
  readonly section: Section;
  readonly opensSection: boolean;
  /** What its block begins with, if that is short; empty for that beginning itself. */
  readonly announcedBy: string;
}

function placedSentences(document: Document): PlacedSentence[] {
  const sentences = sentencesOf(document);
  const sections = sectionsOf(document);
  const openings = new Map(sentences.toReversed().map((sentence) => [sentence.block, sentence]));
  return sentences.map((sentence, index) => {
    const section = sections[sentence.block] ?? beforeHeadings;
    const before = sections[sentences[index - 1]?.block ?? -1];
    const opening = openings.get(sentence.block) ?? sentence;
    const isAnnounced = opening !== sentence && countWords(opening.text) <= mostAnnouncingWords;
    return {
      ...sentence,
      index,
      blockKind: document.blocks[sentence.block]?.kind ?? 'paragraph',
      section,
      opensSection: section !== before,
      announcedBy: isAnnounced ? opening.text : '',
    };
  });
}

const beforeHeadings: Section = { trail: [], heading: [] };

/** For each block its section: a heading ends those of its own level and deeper. */
function sectionsOf(document: Document): Section[] {
  let open: { level: number; stems: string[] }[] = [];
  let section = beforeHeadings;
  return document.blocks.map((block) => {
    if (block.kind === 'heading') {
      const heading = stemsOf(block.text);
      open = [...open.filter(({ level }) => level < block.level), { level: block.level, stems: heading }];
      section = { trail: open.flatMap(({ stems }) => stems), heading };
    }
    return section;
  });
}

function windowsOf(sentences: readonly PlacedSentence[]): PlacedSentence[][] {
  const windows: PlacedSentence[][] = [];
  for (const sentence of sentences) {
    const window = windows.at(-1);
    const first = window?.[0];
    const fits =
      window !== undefined &&
      first !== undefined &&
      first.section === sentence.section &&
      window.length < maxPassageSentences &&
      sentence.end - first.start <= maxPassageChars;
    if (fits) window.push(sentence);
    else windows.push([sentence]);
  }
  return windows;
}

function passageOf(id: number, source: string, window: readonly PlacedSentence[]): Passage {
  const sentences = window.map(passageSentence);
  const stems = new Set(sentences.flatMap((sentence) => sentence.words));
  return { id, source, sentences, stems, headings: window[0]?.section.trail ?? [] };
}

function passageSentence(placed: PlacedSentence): PassageSentence {
  const words = stemsOf(placed.text);
  return {
    text: placed.text.replaceAll(/\s+/g, ' '),
    line: placed.line,
    index: placed.index,
    blockKind: placed.blockKind,
    opens: new Set(placed.opensSection ? placed.section.heading : []),
    announced: new Set(stemsOf(placed.announcedBy)),
    words,
    stems: new Set(words),
  };
}

/** Stems with the parts of names: `attemptTimeoutMs` is found by "attempt timeout" too. */
function stemsOf(text: string): string[] {
  return contentWordsOf(text).flatMap(({ surface, stem }) => {
    const parts = surface.replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2').replaceAll(/[._]+/g, ' ');
    return parts === surface ? [stem] : [stem, ...contentWordsOf(parts).map((part) => part.stem)];
  });
}
