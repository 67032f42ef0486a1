import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Candidate, chooseSentences } from './choose-sentences.js';

function candidate(text: string, score: number, group = 0): Candidate {
  return { text, stems: new Set(text.split(' ')), score, group };
}

describe('chooseSentences', () => {
  it('takes the best and gives them in text order', () => {
    const candidates = [candidate('a b', 0.5), candidate('c d', 0.1), candidate('e f', 1)];
    expect(chooseSentences(candidates, 2)).toEqual([0, 2]);
  });

  it('takes the next best where the better one repeats what is chosen', () => {
    const candidates = [candidate('a b c d', 1), candidate('a b c d e', 0.9), candidate('x y', 0.2)];
    expect(chooseSentences(candidates, 2)).toEqual([0, 2]);
  });

  it('thins out one section in favour of another', () => {
    const candidates = [candidate('a b', 1, 1), candidate('c d', 0.9, 1), candidate('e f', 0.85, 2)];
    expect(chooseSentences(candidates, 2)).toEqual([0, 2]);
  });

  it('gives at most the wanted number, ascending, and again the same', () => {
    const any = fc.record({
      text: fc.lorem({ maxCount: 6 }),
      score: fc.double({ min: 0, max: 1, noNaN: true }),
      group: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 20 }), fc.integer({ min: 1, max: 10 }), (entries, count) => {
        const candidates = entries.map(({ text, score, group }) => candidate(text, score, group));
        const chosen = chooseSentences(candidates, count);
        expect(chosen.length).toBeLessThanOrEqual(count);
        expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
        expect(chooseSentences(candidates, count)).toEqual(chosen);
      }),
    );
  });
});
