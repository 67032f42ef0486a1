import { describe, expect, it } from '@jest/globals';
import { leansOnPrevious, proseQuality } from './prose-quality.js';

const good = 'The ledger is the truth about each task in the house.';

describe('proseQuality', () => {
  it.each([
    ['a fragment', 'Only this.'],
    ['a lead-in', 'The options are the following:'],
    ['a question', 'Is the ledger the truth about each task in the house?'],
    ['a pointer elsewhere', 'See the documentation of the ledger for each of its tables.'],
    ['an enumeration', 'Codes: timeout, network, refused, conflict, expired, poison, unknown.'],
    ['a row of labels', 'Build Status Coverage Status Downloads License Version'],
    ['a line of symbols', '^1.2.3 := >=1.2.3 <2.0.0-0 || 1.2.7 || >=1.2.9 <2.0.0.'],
    ['a very long sentence', `${'the ledger and the broker '.repeat(12)}are two.`],
  ])('puts %s below a plain statement', (_name, text) => {
    expect(proseQuality({ text, blockKind: 'paragraph' })).toBeLessThan(
      proseQuality({ text: good, blockKind: 'paragraph' }),
    );
  });

  it('does not take a text in a script without capitals or spaces for a fragment or a row of labels', () => {
    expect(proseQuality({ text: 'タスクの状態はデータベースに記録されます。', blockKind: 'paragraph' })).toBe(1);
  });
});

describe('leansOnPrevious', () => {
  it('is true of a sentence that points back', () => {
    expect(['This is why.', 'However, it is not.', good].map(leansOnPrevious)).toEqual([true, true, false]);
  });
});
