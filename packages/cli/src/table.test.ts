import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import stringWidth from 'string-width';
import {
  type Column,
  columnsThatFit,
  fitWidths,
  minFlexibleWidth,
  renderFields,
  renderTable,
  truncate,
} from './table.js';

interface Row {
  readonly id: string;
  readonly attempts: number;
  readonly error: string;
}

const columns: readonly Column<Row>[] = [
  { name: 'id', text: (row) => row.id },
  { name: 'attempts', text: (row) => String(row.attempts), align: 'right' },
  { name: 'error', text: (row) => row.error, flexible: true, tone: () => 'bad' },
];
const rows: readonly Row[] = [
  { id: 'a-1', attempts: 3, error: 'the source answers 503' },
  { id: 'b-22', attempts: 12, error: '研究资料不可用 🐇🐇' },
];
const plain = (width?: number) => ({ width, color: false });

describe('columnsThatFit', () => {
  const yielding: readonly Column<Row>[] = [
    { name: 'id', text: (row) => row.id },
    { name: 'attempts', text: (row) => String(row.attempts), yields: 1 },
    { name: 'state', text: () => 'parked', yields: 2 },
    { name: 'error', text: (row) => row.error, flexible: true },
  ];
  const shown = (width: number | undefined) => columnsThatFit(rows, yielding, width).map(({ name }) => name);

  it.each([
    [undefined, ['id', 'attempts', 'state', 'error']],
    // 4 + 8 + 6 cells, three gaps, and 12 for what may be cut.
    [36, ['id', 'attempts', 'state', 'error']],
    [35, ['id', 'attempts', 'error']],
    [28, ['id', 'attempts', 'error']],
    [27, ['id', 'error']],
    [3, ['id', 'error']],
  ])('in %s cells leaves out what yields first, and no more than it has to', (width, names) => {
    expect(shown(width)).toEqual(names);
  });
});

describe('renderTable', () => {
  it('aligns its columns', () => {
    expect(renderTable(rows, columns, plain())).toBe(
      [
        'ID    ATTEMPTS  ERROR', //
        'a-1          3  the source answers 503',
        'b-22        12  研究资料不可用 🐇🐇',
      ].join('\n'),
    );
  });

  it('cuts the flexible column at the width of the terminal, wide characters counted as two cells', () => {
    expect(renderTable(rows, columns, plain(26))).toBe(
      [
        'ID    ATTEMPTS  ERROR', //
        'a-1          3  the sourc…',
        'b-22        12  研究资料…',
      ].join('\n'),
    );
  });

  it('shows blocks where the rigid columns alone are too wide, wrapped at words', () => {
    expect(renderTable(rows.slice(0, 1), columns, plain(20))).toBe(
      ['ID        a-1', 'ATTEMPTS  3', 'ERROR     the source', '          answers', '          503'].join('\n'),
    );
  });

  it('prints nothing that moves the cursor, changes colours or breaks the line', () => {
    const hostile = [{ id: 'x', attempts: 1, error: 'a\u001b[2J\u001b]0;title\u0007b\nc\rd\u202eevil\u0000' }];
    const text = renderTable(hostile, columns, plain());
    expect(text.split('\n')).toHaveLength(2);
    expect(text).toContain('ab c d�evil');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it('colours do not change the layout', () => {
    const colored = renderTable(rows, columns, { width: 26, color: true });
    expect(colored).toContain('\u001b[31mthe sourc…\u001b[39m');
    expect(stringWidth(colored.split('\n')[1] ?? '')).toBe(26);
  });

  it('every line fits wherever the rigid columns leave room for the flexible one', () => {
    const anyRow = fc.record({
      id: fc.string({ maxLength: 12, unit: 'grapheme' }),
      attempts: fc.nat({ max: 99 }),
      error: fc.string({ maxLength: 60, unit: 'grapheme' }),
    });
    const roomy = fc.integer({ min: 48, max: 80 });
    fc.assert(
      fc.property(fc.array(anyRow, { minLength: 1, maxLength: 5 }), roomy, (some, width) => {
        const lines = renderTable(some, columns, plain(width)).split('\n');
        expect(lines).toHaveLength(some.length + 1);
        expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(width);
      }),
    );
  });
});

describe('fitWidths', () => {
  const flexible = { flexible: true };
  it('shrinks the widest flexible column first, the later of two equals', () => {
    expect(fitWidths([flexible, {}, flexible], [20, 10, 20], 51)).toEqual([19, 10, 18]);
  });

  it(`keeps ${minFlexibleWidth} cells of a flexible column, and gives up below`, () => {
    expect(fitWidths([{}, flexible], [10, 30], 20)).toEqual([10, 8]);
    expect(fitWidths([{}, flexible], [10, 30], 19)).toBeUndefined();
  });
});

describe('truncate', () => {
  it('never splits a character that is made of several code points', () => {
    expect(truncate('👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 5)).toBe('👩‍👩‍👧‍👦👩‍👩‍👧‍👦…');
    expect(truncate('e\u0301e\u0301e\u0301', 2)).toBe('e\u0301…');
  });

  it('fits, and is a beginning of the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.integer({ min: 1, max: 30 }), (text, width) => {
        const cut = truncate(text, width);
        expect(stringWidth(cut)).toBeLessThanOrEqual(width);
        expect(cut === text || (cut.endsWith('…') && text.startsWith(cut.slice(0, -1)))).toBe(true);
      }),
    );
  });
});

it('renderFields aligns names and indents further lines', () => {
  expect(
    renderFields(
      [
        ['ID', 'a-1'],
        ['ERROR', 'first\nsecond\u001b[31m'],
        ['NONE', ''],
      ],
      { color: false },
    ),
  ).toBe('ID     a-1\nERROR  first\n       second\nNONE');
});

it('renderFields wraps at words below the text, but no line that is to stay whole', () => {
  const fields = [['NEXT', 'Put it in its place, then replay.\nwarren dead-letters replay some-id']] as const;
  const isWhole = (line: string) => line.startsWith('warren ');
  expect(renderFields(fields, { color: false, width: 32, isWhole })).toBe(
    ['NEXT  Put it in its place, then', '      replay.', '      warren dead-letters replay some-id'].join('\n'),
  );
});
