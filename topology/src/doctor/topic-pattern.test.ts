import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { topicsMeet } from './topic-pattern.js';

describe('two topic patterns', () => {
  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.c', false],
    ['a.*', 'a', false],
    ['a.#', 'a', true],
    ['#', '', true],
    ['*', '', false],
    ['*.1.#', '1.*.research.*', true],
    ['*.0.#', '*.1.#', false],
    ['#.a', 'b.#', true],
    ['#.a.#', 'b.c', false],
    ['a.#.b', '#.#', true],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(topicsMeet(one, other)).toBe(expected);
  });

  const word = fc.constantFrom('a', 'b', '*', '#');
  const pattern = fc.array(word, { maxLength: 4 }).map((words) => words.join('.'));
  const keys = ['', ...[1, 2, 3, 4, 5, 6, 7, 8].flatMap(keysOfLength)];

  it('meet where some key fits both, and whichever comes first', () => {
    fc.assert(
      fc.property(pattern, pattern, (one, other) => {
        const [fitsOne, fitsOther] = [expressionOf(one), expressionOf(other)];
        expect(topicsMeet(one, other)).toBe(keys.some((key) => fitsOne.test(key) && fitsOther.test(key)));
        expect(topicsMeet(other, one)).toBe(topicsMeet(one, other));
      }),
    );
  });
});

/** Three letters are enough for a key that fits both patterns of two: one stands for every other word. */
function keysOfLength(words: number): string[] {
  const letters = ['a', 'b', 'c'];
  return words === 1 ? letters : keysOfLength(words - 1).flatMap((key) => letters.map((letter) => `${key}.${letter}`));
}

/** Each word of a key ends with a dot here, so that `#` takes its dots along. */
function expressionOf(pattern: string): { test(key: string): boolean } {
  const words = pattern === '' ? [] : pattern.split('.');
  const parts = words.map((word) => (word === '#' ? '(?:[^.]+\\.)*' : word === '*' ? '[^.]+\\.' : `${word}\\.`));
  const expression = new RegExp(`^${parts.join('')}$`);
  return { test: (key) => expression.test(key === '' ? '' : `${key}.`) };
}
