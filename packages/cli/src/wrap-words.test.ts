import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { wrapWords } from './wrap-words.js';

describe('wrapWords', () => {
  it('breaks between words and hangs the other lines below the first', () => {
    expect(wrapWords('Rabbits dig tunnels that join into a warren.', 32, '    3  ')).toBe(
      '    3  Rabbits dig tunnels that\n       join into a warren.',
    );
  });

  it('leaves a text alone where there is no terminal, or hardly any', () => {
    const text = 'Rabbits dig tunnels that join into a warren.';
    expect([wrapWords(text, undefined), wrapWords(text, 10, '  ')]).toEqual([text, `  ${text}`]);
  });

  it('keeps every word whole and every line within the width', () => {
    const words = fc.array(fc.stringMatching(/^[a-zé研]{1,9}$/u), { minLength: 1 });
    fc.assert(
      fc.property(words, fc.integer({ min: 30, max: 90 }), fc.integer({ min: 0, max: 8 }), (some, width, indent) => {
        const wrapped = wrapWords(some.join(' '), width, ' '.repeat(indent));
        expect(wrapped.trim().split(/\s+/)).toEqual(some);
        for (const line of wrapped.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});
