import { describe, expect, it } from '@jest/globals';
import { documentFromText } from '@warren/sources';
import fc from 'fast-check';
import { maxSentenceChars, sentencesOf, splitSentences } from './sentences.js';

function split(text: string, options?: { keepLines: boolean }): string[] {
  return splitSentences(text, options).map(({ start, end }) => text.slice(start, end));
}

describe('splitSentences', () => {
  it.each([
    ['abbreviations', 'Use a broker, e.g. RabbitMQ. Ask Dr. Smith first.'],
    ['decimal numbers and versions', 'It costs $3.50 on 3.10.8 today. Then it is 4.0 again.'],
    ['initials', 'J. R. Jones wrote it. Mr. J. Doe read it.'],
    ['countries', 'He lives in the U.S. now. The U.S. Navy left.'],
    ['a country at the end', 'He came from the U.S. Then he left.'],
    ['figures', 'See Fig. 3 and No. 5 below. Both show it.'],
    ['brackets', 'It works (see Fig. A. It is below) well. Really.'],
    ['quotes', '"Why?" he asked. Nobody knew.'],
    ['file names and ranges', 'Levels 0..L-1 are used by Node.js here. That is all.'],
  ])('keeps %s whole', (_name, text) => {
    expect(split(text)).toHaveLength(2);
  });

  it('reads wrapped lines as one sentence, its newline kept', () => {
    expect(split('One sentence that\ngoes on. Another one.')).toEqual(['One sentence that\ngoes on.', 'Another one.']);
  });

  it('ends a sentence at a line that was left early on purpose, if lines are to be kept', () => {
    const text = 'Introduction\nThis line is as long as the text is wide and goes\non without a stop. The end.';
    expect(split(text, { keepLines: true })).toEqual([
      'Introduction',
      'This line is as long as the text is wide and goes\non without a stop.',
      'The end.',
    ]);
  });

  it('takes list marks and notes off, if lines are to be kept', () => {
    expect(split('- first item\n- second item\n* [x] third item', { keepLines: true })).toEqual([
      'first item',
      'second item',
      'third item',
    ]);
  });

  it('splits text without spaces between sentences', () => {
    expect(split('これは最初の文です。次の文はこちら！最後ですか？')).toHaveLength(3);
  });

  it('cuts a text without full stops at its clauses', () => {
    const clause = 'and then the next worker takes the next task from the queue, ';
    const pieces = split(clause.repeat(100));
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.every((piece) => piece.endsWith(','))).toBe(true);
  });

  it('gives nothing for a text without letters or digits', () => {
    expect(split('  \n --- *** !!! ')).toEqual([]);
  });

  it('gives bounded sentences in order, without overlap, without white space at the edges, for any text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('. ', '? ', ' e.g. ', '\n- ', 'Dr. ', '(', '。'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, keepLines) => {
        const text = pieces.join('');
        const spans = splitSentences(text, { keepLines });
        let end = 0;
        for (const span of spans) {
          expect(span.start).toBeGreaterThanOrEqual(end);
          expect(span.end - span.start).toBeLessThanOrEqual(maxSentenceChars);
          const sentence = text.slice(span.start, span.end);
          expect(sentence).toBe(sentence.trim());
          expect(sentence).toMatch(/[\p{L}\p{N}]/u);
          end = span.end;
        }
      }),
    );
  });
});

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
