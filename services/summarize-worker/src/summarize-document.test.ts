import { describe, expect, it } from '@jest/globals';
import { documentFromText } from '@warren/sources';
import { summarizeResult } from '@warren/tasks';
import fc from 'fast-check';
import { maxGraphSentences, type SummarizeOptions, summarizeDocument } from './summarize-document.js';

const words = 'queue task worker ledger broker retry lease message exchange delay result poison'.split(' ');
const verbs = 'holds moves counts records sends keeps'.split(' ');

const sentence = fc
  .tuple(fc.constantFrom(...words), fc.constantFrom(...verbs), fc.subarray(words, { minLength: 2, maxLength: 5 }))
  .map(([subject, verb, objects]) => `The ${subject} ${verb} each ${objects.join(' and the ')}.`);
const text = fc
  .array(fc.array(sentence, { minLength: 1, maxLength: 6 }), { maxLength: 8 })
  .map((paragraphs) => paragraphs.map((paragraph) => paragraph.join(' ')).join('\n\n'));
const length = fc.oneof(
  fc.constantFrom('short' as const, 'medium' as const, 'long' as const),
  fc.integer({ min: 1, max: 50 }),
);

function summarize(source: string, options: Partial<SummarizeOptions> = {}) {
  return summarizeDocument(documentFromText(source, 'plain'), { length: 3, keywords: 5, ...options });
}

describe('summarizeDocument', () => {
  it('gives a valid result with offsets that slice back, in text order, without repeats, no more than wanted', () => {
    const counts = { short: 3, medium: 6, long: 12 };
    fc.assert(
      fc.property(text, length, (source, wanted) => {
        const document = documentFromText(source, 'plain');
        const result = summarizeResult.parse(summarizeDocument(document, { length: wanted, keywords: 5 }));
        expect(result.sentences.length).toBeLessThanOrEqual(typeof wanted === 'number' ? wanted : counts[wanted]);
        expect(result.sentences.length > 0).toBe(source !== '');
        let end = 0;
        for (const chosen of result.sentences) {
          expect(document.text.slice(chosen.start, chosen.end)).toBe(chosen.text);
          expect(chosen.start).toBeGreaterThanOrEqual(end);
          expect(chosen.score).toBeGreaterThanOrEqual(0);
          expect(chosen.score).toBeLessThanOrEqual(1);
          end = chosen.end;
        }
        expect(new Set(result.sentences.map((chosen) => chosen.text)).size).toBe(result.sentences.length);
      }),
    );
  });

  it('is the same every time, and a summary summarized again stays as it is', () => {
    fc.assert(
      fc.property(text, length, (source, wanted) => {
        const once = summarize(source, { length: wanted });
        expect(summarize(source, { length: wanted })).toEqual(once);
        const paragraphs = once.sentences.map((chosen) => chosen.text);
        const twice = summarize(paragraphs.join('\n\n'), { length: wanted });
        expect(twice.sentences.map((chosen) => chosen.text)).toEqual(paragraphs);
      }),
    );
  });

  it('says nothing about nothing', () => {
    const result = summarize('');
    expect(result).toMatchObject({ summary: '', sentences: [], keywords: [], headings: [], source: { sentences: 0 } });
  });

  it('gives one sentence back as it is', () => {
    expect(summarize('Only one sentence stands here.').summary).toBe('Only one sentence stands here.');
    expect(summarize('Hello!').summary).toBe('Hello!');
  });

  it('prefers what the text comes back to over an aside', () => {
    const source = [
      'Each task has a row in the ledger, and the ledger holds the state of the task.',
      'My neighbour once bought a bicycle in Lisbon during a rainy week.',
      'When a worker claims a task, the ledger records the claim in the row of the task.',
      'The ledger refuses a result when the claim of the worker is no longer the current claim.',
      'A sweeper reads the ledger and publishes each task that the ledger still owes.',
    ].join('\n\n');
    const { summary, keywords } = summarize(source, { length: 2 });
    expect(summary).not.toContain('bicycle');
    expect(keywords[0]?.word).toBe('ledger');
  });

  it.each([
    ['an entry of a list of terms', 'expires: how long a task may wait for a worker in the ledger.'],
    ['an example', 'Say the worker claims a task and the ledger records the claim of the task.'],
  ])('leaves %s for last', (_name, weak) => {
    const source = [
      'Each task has a row in the ledger.',
      weak,
      'A worker claims each task in the ledger.',
      'The ledger keeps the state of the task.',
    ];
    expect(summarize(source.join('\n\n'), { length: 3 }).summary).not.toContain(weak);
  });

  it('works on text without spaces between words', () => {
    const source = [
      'タスクの状態は台帳に記録されます。台帳は各タスクの真実です。',
      '昨日はとても天気が良かったです。',
      'ワーカーはタスクを台帳から受け取り、結果を台帳に記録します。',
    ].join('\n\n');
    const result = summarize(source, { length: 2 });
    expect(result.sentences).toHaveLength(2);
    expect(result.summary).toContain('台帳');
    expect(result.keywords.map(({ word }) => word)).toContain('台帳');
  });

  it('keeps headings with their level apart from the summary', () => {
    const source = '# The ledger\nThe ledger holds every task.\n\n## Its\n**rows**\n\nA row has a state.';
    const result = summarizeDocument(documentFromText(source, 'markdown'), { length: 3, keywords: 0 });
    expect(result.title).toBe('The ledger');
    expect(result.headings).toEqual([
      { level: 1, text: 'The ledger' },
      { level: 2, text: 'Its' },
    ]);
    expect(result.keywords).toEqual([]);
    expect(result.summary).not.toContain('The ledger The ledger');
  });

  it('bounds the graph of a very long text and still finds what it is about', () => {
    const filler = Array.from(
      { length: maxGraphSentences + 800 },
      (_, index) => `Aside ${index} names zone${index} and area${index}.`,
    );
    const telling = 'The ledger holds the state of each task and each claim.';
    filler.splice(
      1_500,
      0,
      ...Array.from({ length: 40 }, (_, index) => `The ledger keeps claim kind${index} of each task.`),
      telling,
    );
    const source = filler.join(' ');
    expect(source.length).toBeGreaterThan(60_000);
    const result = summarize(source, { length: 12 });
    expect(result.source.sentences).toBe(filler.length);
    expect(result.summary).toContain('ledger');
    expect(result.sentences.length).toBeLessThanOrEqual(12);
  });

  it('tells what it is doing', () => {
    const steps: string[] = [];
    summarizeDocument(documentFromText('One here. Two here.', 'plain'), { length: 1, keywords: 0 }, (step) =>
      steps.push(step),
    );
    expect(steps).toEqual(['ranking 2 sentences']);
  });
});
