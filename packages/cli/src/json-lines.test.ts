import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type JsonLine, readJsonLines } from './json-lines.js';

async function* chunks(pieces: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
}

async function read(pieces: readonly (string | Uint8Array)[], maxLineBytes = 100): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readJsonLines(chunks(pieces), { flag: '--from', name: 'tasks.jsonl', maxLineBytes })) {
    lines.push(shown(line));
  }
  return lines;
}

const shown = (line: JsonLine) => (line.ok ? `${line.line}=${JSON.stringify(line.value)}` : line.error.message);

describe('readJsonLines', () => {
  it('counts blank lines and reads the last one without its line feed', async () => {
    expect(await read(['\ufeff{"a":1}\r\n\n  \n[2', ']\n3'])).toEqual(['1={"a":1}', '4=[2]', '5=3']);
  });

  it('tells a bad line with its number and reads on', async () => {
    expect(await read(['{"a":\n1\n', new Uint8Array([0x22, 0xff, 0x22, 0x0a]), '2'])).toEqual([
      expect.stringContaining('--from: tasks.jsonl:1: is not JSON: '),
      '2=1',
      '--from: tasks.jsonl:3 is not UTF-8 text',
      '4=2',
    ]);
  });

  it('a line beyond the bound is an error; one at the bound is not', async () => {
    const atBound = `"${'x'.repeat(98)}"`;
    expect(await read([atBound, '\n', `${atBound}x`, '\n1'])).toEqual([
      `1=${atBound}`,
      '--from: tasks.jsonl:2: is longer than 100 bytes',
      '3=1',
    ]);
  });

  it('how the bytes are cut into chunks does not matter', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
        async (values, sizes) => {
          const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
          const pieces: Uint8Array[] = [];
          for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
            const size = sizes[turn % sizes.length] ?? 1;
            pieces.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(await read(pieces, 100_000)).toEqual(
            values.map((value, index) => `${index + 1}=${JSON.stringify(value)}`),
          );
        },
      ),
    );
  });
});
