import type { Block, Document } from '@warren/sources';
import { splitSentences } from './split-sentences.js';

/** One sentence of a document. `text` is exactly `document.text.slice(start, end)`. */
export interface Sentence {
  readonly text: string;
  /** UTF-16 offsets into the document's text. */
  readonly start: number;
  readonly end: number;
  /**
   * Line, from 1, on which the sentence begins in the source as it was read: the block's line plus the newlines before
   * the sentence within the block. Exact where a block's text keeps its newlines; else it is the block's first line.
   */
  readonly line: number;
  /** Index of its block in `document.blocks`. */
  readonly block: number;
}

/** The sentences of paragraphs, list items and quotes, in reading order. None crosses its block; code, tables and headings give none. */
export function sentencesOf(document: Document): Sentence[] {
  return document.blocks.flatMap((block, index) =>
    isProse(block) ? sentencesOfBlock(block, index, document.format === 'plain') : [],
  );
}

function isProse(block: Block): boolean {
  return block.kind === 'paragraph' || block.kind === 'list-item' || block.kind === 'quote';
}

function sentencesOfBlock(block: Block, index: number, keepLines: boolean): Sentence[] {
  let line = block.line;
  let counted = 0;
  return splitSentences(block.text, { keepLines }).map(({ start, end }) => {
    line += newlinesIn(block.text.slice(counted, start));
    counted = start;
    return {
      text: block.text.slice(start, end),
      start: block.start + start,
      end: block.start + end,
      line,
      block: index,
    };
  });
}

function newlinesIn(text: string): number {
  return text.match(/\r\n|\n|\r/g)?.length ?? 0;
}
