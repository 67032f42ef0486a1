import { describe, expect, it } from '@jest/globals';
import { documentFromText } from '@warren/sources';
import { researchResult } from '@warren/tasks';
import fc from 'fast-check';
import { type ResearchStep, researchDocuments } from './research-documents.js';

const ledger = [
  '# The ledger',
  '',
  'The ledger is a database that holds the truth about each task.',
  'It records every attempt. A claim in the ledger holds for thirty seconds unless it is',
  'renewed by the worker.',
  '',
  '## Sweeper',
  '',
  'The sweeper publishes again what a crash left owed.',
].join('\n');

const broker = [
  'Messages travel through RabbitMQ.',
  'Work queues have no length limit, because a retry that comes due would be lost at a full queue.',
  '',
  'The moon is made of rock.',
].join('\n');

const documents = [documentFromText(ledger, 'markdown', 'ledger.md'), documentFromText(broker, 'plain', 'broker.txt')];

function ask(question: string, options: { depth?: number; sentences?: number } = {}) {
  return researchDocuments(documents, { question, depth: options.depth ?? 2, sentences: options.sentences ?? 8 })
    .result;
}

describe('researchDocuments', () => {
  it('answers with a sentence of a source, its name and line', () => {
    expect(ask('What is the ledger?').answer[0]).toEqual({
      text: 'The ledger is a database that holds the truth about each task.',
      citation: { source: 'ledger.md', line: 3 },
    });
  });

  it('cites the line within a block on which the sentence begins', () => {
    expect(ask('How long does a claim hold?').answer).toContainEqual({
      text: 'A claim in the ledger holds for thirty seconds unless it is renewed by the worker.',
      citation: { source: 'ledger.md', line: 4 },
    });
  });

  it('answers each part, part by part, from the source that speaks of it', () => {
    const { answer, parts, sources } = ask('Why do queues have no length limit, and what does the sweeper do?');
    expect(answer.map(({ citation }) => citation)).toEqual([
      { source: 'broker.txt', line: 2 },
      { source: 'ledger.md', line: 9 },
    ]);
    expect(parts.map(({ passages }) => passages > 0)).toEqual([true, true]);
    expect(sources.map(({ name }) => name)).toEqual(['ledger.md', 'broker.txt']);
  });

  it('says which parts the sources hold nothing on', () => {
    const { answer, unanswered, parts } = ask('What is the ledger? What is the capital of France?');
    expect(unanswered).toEqual(['What is the capital of France?']);
    expect(parts[1]).toEqual({ question: 'What is the capital of France?', passages: 0 });
    expect(answer.length).toBeGreaterThan(0);
  });

  it('has no answer to a question about something else, or without a subject', () => {
    expect(ask('Who won the football game yesterday?')).toMatchObject({ answer: [], unanswered: [expect.anything()] });
    expect(ask('Why is it so?')).toMatchObject({ answer: [], unanswered: ['Why is it so?'] });
  });

  it.each([
    [
      'a command with the same words',
      'npm start kills a worker and shows what happens to its task, which is tried again.',
    ],
    ['a sentence that leans on one not shown', 'Say worker A runs a task, and the worker is killed.'],
    ['a sentence about something else', 'A worker has a name and a colour of its own in the log.'],
    ['a question', 'What happens to a task when its worker is killed?'],
  ])('shows what answers, and does not fill up with %s', (_name, filler) => {
    const answer = 'The broker delivers a task again when its worker is killed.';
    const notes = documentFromText(`${filler}\n\n${answer}`, 'markdown', 'notes.md');
    const question = 'What happens to a task when its worker is killed?';
    const { result } = researchDocuments([notes], { question, depth: 2, sentences: 5 });
    expect(result.answer.map(({ text }) => text)).toEqual([answer]);
  });

  it('says that a part is unanswered of which passages speak and no sentence says anything', () => {
    const notes = documentFromText('The sweeper: ledger.\n\nSweeper and ledger?', 'markdown', 'notes.md');
    const { result } = researchDocuments([notes], { question: 'What is the sweeper?', depth: 1, sentences: 5 });
    expect(result).toMatchObject({ answer: [], unanswered: ['What is the sweeper?'], parts: [{ passages: 1 }] });
  });

  it('reads under what a block begins with, and knows a verb in all its forms', () => {
    const source =
      '- **Nothing is lost.** Every move is written down before its message is published.\n- Nothing else.';
    const notes = documentFromText(source, 'markdown', 'notes.md');
    const { result } = researchDocuments([notes], { question: 'Why is no move lost?', depth: 1, sentences: 5 });
    expect(result.answer.map(({ text }) => text)).toEqual([
      'Every move is written down before its message is published.',
    ]);
  });

  it('finds a word with one letter wrong', () => {
    expect(ask('What does the sweepor publish?').answer[0]?.citation).toEqual({ source: 'ledger.md', line: 9 });
  });

  it('follows terms from round to round', () => {
    const chain = [
      documentFromText('The parrot sails on Sundays with Ironbeard.', 'plain', 'one'),
      documentFromText('Ironbeard calls Sundays the best of days.', 'plain', 'two'),
      documentFromText('Nobody cooks on Sundays.', 'plain', 'three'),
      ...Array.from({ length: 20 }, (_, index) =>
        documentFromText(`Crate ${index} holds grey stones.`, 'plain', `c${index}`),
      ),
    ];
    const found = (depth: number) =>
      researchDocuments(chain, { question: 'Which parrot sails on Sundays?', depth, sentences: 5 }).result.parts[0]
        ?.passages;
    expect([found(1), found(2)]).toEqual([1, 2]);
  });

  it('tells its steps in order', () => {
    const steps: ResearchStep[] = [];
    researchDocuments(documents, { question: 'What is the ledger? What is a claim?', depth: 2, sentences: 3 }, (step) =>
      steps.push(step),
    );
    expect(steps.map(({ message }) => message)).toEqual([
      'indexing 3 passages',
      'searching part 1 of 2, round 1 of 2',
      'searching part 1 of 2, round 2 of 2',
      'searching part 2 of 2, round 1 of 2',
      'searching part 2 of 2, round 2 of 2',
      'composing the answer',
    ]);
    expect(steps.map(({ done }) => done)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(steps.every(({ total }) => total === 6)).toBe(true);
  });

  it('gives no passages and no answer for documents without sentences', () => {
    const empty = researchDocuments([documentFromText('', 'plain', 'none')], {
      question: 'Anything?',
      depth: 3,
      sentences: 3,
    });
    expect(empty).toMatchObject({ passages: 0, result: { answer: [], unanswered: ['Anything?'] } });
  });

  it('gives, for any question, only sentences of the sources on the line they stand on, none twice, never more than wanted', () => {
    const lines = new Map([
      ['ledger.md', ledger.split('\n')],
      ['broker.txt', broker.split('\n')],
    ]);
    const word = fc.constantFrom(
      'what',
      'why',
      'and',
      'how',
      'ledger',
      'claim',
      'queue',
      'moon',
      'retry',
      'it',
      '?',
      ';',
      'worker',
    );
    const question = fc.array(word, { minLength: 3, maxLength: 15 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(
        question,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 6 }),
        (asked, depth, sentences) => {
          const result = researchResult.parse(ask(asked, { depth, sentences }));
          expect(result).toEqual(ask(asked, { depth, sentences }));
          expect(result.answer.length).toBeLessThanOrEqual(sentences);
          expect(new Set(result.answer.map(({ text }) => text)).size).toBe(result.answer.length);
          for (const { text, citation } of result.answer) {
            const source = lines.get(citation.source) ?? [];
            expect(source.slice(citation.line - 1).join(' ')).toContain(text);
            expect(source.slice(citation.line).join(' ')).not.toContain(text);
          }
          const silent = result.parts.filter(({ passages }) => passages === 0).map((part) => part.question);
          expect(result.unanswered).toEqual(expect.arrayContaining(silent));
          if (result.answer.length === 0) expect(result.unanswered).toEqual(result.parts.map((part) => part.question));
        },
      ),
    );
  });
});
