import type { Block, Document } from './document.js';
import type { Format } from './format.js';

/** A block before its place in the document's text is known. */
export type RawBlock = Omit<Block, 'start'>;

/** What an extractor makes of a text. */
export interface Extracted {
  readonly title: string | null;
  readonly blocks: readonly RawBlock[];
}

/** Where the text came from. */
export interface Origin {
  readonly name: string;
  readonly kind: Document['kind'];
  readonly format: Format;
  readonly bytes: number;
}

const betweenBlocks = '\n\n';

/** A block without the blank lines and spaces around it, on the line where what is left begins; none if nothing is. */
export function trimmedBlock(kind: Block['kind'], level: number, text: string, line: number): RawBlock[] {
  const body = text.trim();
  if (body === '') return [];
  const skipped = text.slice(0, text.indexOf(body));
  // The first line of code keeps its indentation.
  const indent = kind === 'code' ? skipped.slice(skipped.lastIndexOf('\n') + 1) : '';
  return [{ kind, level, text: indent + body, line: line + lineBreaks(skipped) }];
}

export function lineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** The text of a table: one line a row, cells between bars. */
export function tableText(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => cells.join(' | ')).join('\n');
}

/** Joins the blocks to a document: the one place where `text` and every `start` are made, so that they agree. */
export function assembleDocument(origin: Origin, { title, blocks }: Extracted): Document {
  let start = 0;
  const placed = blocks.map((block) => {
    const at = start;
    start += block.text.length + betweenBlocks.length;
    return { ...block, start: at };
  });
  return { ...origin, title, text: blocks.map((block) => block.text).join(betweenBlocks), blocks: placed };
}
