import { describe, expect, it } from '@jest/globals';
import { proseQuality } from './prose-quality.js';

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
    ['a row of features', 'Modern search result ranking algorithm.'],
    ['a command', 'npm start summarizes the documents of the house and shows each result.'],
    ['a file as a subject', 'ledger-rules.ts holds the rules of the house and of its tables.'],
    ['a line of code', 'Call pool.run(job, { signal }) with onStep() and maxThreads=2 to go on.'],
    ['a verb without a subject', 'Returns the state of each task in the house.'],
    ['a very long sentence', `${'the ledger and the broker '.repeat(12)}are two.`],
  ])('puts %s below a plain statement', (_name, text) => {
    expect(proseQuality(text, 'paragraph')).toBeLessThan(proseQuality(good, 'paragraph'));
  });

  it('does not take a text in a script without capitals or spaces for a fragment or a row of labels', () => {
    expect(proseQuality('タスクの状態はデータベースに記録されます。', 'paragraph')).toBe(1);
  });
});
