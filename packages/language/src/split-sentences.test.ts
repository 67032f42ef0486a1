import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { maxSentenceChars, splitSentences } from './split-sentences.js';

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

  it('ends a long sentence before a small letter, though not after what is shortened', () => {
    const long =
      'Whatever message arrives for such a task after its end is acked and counted, and nothing of it runs any more';
    expect(split(`${long}. amqplib has a name for this.`)).toHaveLength(2);
    expect(split(`${long} (queues, exchanges, bindings etc. are not asked).`)).toHaveLength(1);
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
