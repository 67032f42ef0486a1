import { type Extracted, type RawBlock, trimmedBlock } from './raw-block.js';

/** Paragraphs are what blank lines separate. */
export function extractPlain(text: string): Extracted {
  const lines = text.split('\n');
  const blocks: RawBlock[] = [];
  let first = 0;
  for (let index = 0; index <= lines.length; index += 1) {
    if (lines[index]?.trim()) continue;
    blocks.push(...paragraph(lines.slice(first, index), first + 1));
    first = index + 1;
  }
  return { title: null, blocks };
}

function paragraph(lines: readonly string[], line: number): RawBlock[] {
  return trimmedBlock('paragraph', 0, lines.map((text) => text.trimEnd()).join('\n'), line);
}
