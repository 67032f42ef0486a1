import { describe, expect, it } from '@jest/globals';
import { documentFromText } from '@warren/sources';
import fc from 'fast-check';
import { sentencesOf } from './sentences.js';

describe('sentencesOf', () => {
  const source = [
    '# A heading without a stop',
    'First sentence that is',
    'wrapped. Second one',
    'begins on line three.',
    '',
    '- an item without a stop',
    '- another item',
    '',
    '```js',
    'code("is left out.");',
    '```',
    '',
    '> A quote.',
  ].join('\n');

  it('never joins headings, items and paragraphs, and leaves code out', () => {
    const sentences = sentencesOf(documentFromText(source, 'markdown'));
    expect(sentences.map(({ text, line }) => [text, line])).toEqual([
      ['First sentence that is\nwrapped.', 2],
      ['Second one\nbegins on line three.', 3],
      ['an item without a stop', 6],
      ['another item', 7],
      ['A quote.', 13],
    ]);
  });

  it.each(['plain', 'markdown', 'html'] as const)(
    'gives offsets that slice back to the sentence, for any %s',
    (format) => {
      fc.assert(
        fc.property(fc.array(fc.lorem({ mode: 'sentences' }), { maxLength: 8 }), (paragraphs) => {
          const joint = format === 'html' ? '</p>\n<p>' : '\n\n';
          const document = documentFromText(paragraphs.join(joint), format);
          for (const { text, start, end } of sentencesOf(document)) expect(document.text.slice(start, end)).toBe(text);
        }),
        { numRuns: 30 },
      );
    },
  );

  it('gives the line on which each sentence of a plain text begins', () => {
    const word = fc.stringMatching(/^[A-Z][a-z]{1,8}$/);
    const sentence = fc.array(word, { minLength: 2, maxLength: 12 }).map((words) => words);
    const gap = fc.constantFrom(' ', ' ', '\n', '\n\n');
    fc.assert(
      fc.property(fc.array(fc.tuple(sentence, gap), { minLength: 1, maxLength: 20 }), (parts) => {
        const text = parts.map(([words, after]) => `${words.join(' ').toLowerCase()}.${after}`).join('');
        const document = documentFromText(text, 'plain');
        const lines = text.split('\n');
        for (const found of sentencesOf(document)) expect(lines[found.line - 1]).toContain(found.text.split('\n')[0]);
      }),
    );
  });
});
