import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { maxParts, splitQuestion } from './question.js';

const textsOf = (question: string) => splitQuestion(question).map(({ text }) => text);

describe('splitQuestion', () => {
  it.each([
    ['one question', 'How are tasks retried?', ['How are tasks retried?']],
    ['two sentences', 'What is a lease? What is a claim?', ['What is a lease?', 'What is a claim?']],
    [
      'a conjunction before a question word',
      'What is a lease, and how long does it hold?',
      ['What is a lease', 'how long does it hold?'],
    ],
    [
      'a conjunction before a preposition and a question word',
      'Who parks a task and under which code?',
      ['Who parks a task', 'under which code?'],
    ],
    ['clauses after commas', 'How is it sent, why is it late?', ['How is it sent', 'why is it late?']],
    ['semicolons', 'Explain leases; describe claims.', ['Explain leases', 'describe claims.']],
    ['a list', 'Tell me:\n1. what a lease is\n2. what a claim is', ['Tell me: what a lease is', 'what a claim is']],
    ['no conjunction of things', 'What are queues and exchanges for?', ['What are queues and exchanges for?']],
    ['a bare question word, joined', 'Is the lease renewed? Why?', ['Is the lease renewed? Why?']],
  ])('splits %s', (_name, question, parts) => {
    expect(textsOf(question)).toEqual(parts);
  });

  it('takes over what "it" stands for', () => {
    const [, second] = splitQuestion('What is the ledger, and where is it stored?');
    expect([...(second?.inherited.keys() ?? [])]).toEqual(['ledger']);
    expect([...(second?.terms.keys() ?? [])]).toEqual(['store']);
  });

  it('tells what sort of answer is asked for', () => {
    const asks = ['What is a lease?', 'How long does a lease hold?', 'Why are leases lost?', 'How are leases renewed?'];
    expect(asks.map((question) => splitQuestion(question)[0]?.asks)).toEqual([
      'definition',
      'number',
      'reason',
      'anything',
    ]);
  });

  it('takes "when" for a question of time only where it asks', () => {
    const asks = ['When is a lease lost?', 'What happens to a task when its worker is killed?'];
    expect(asks.map((question) => splitQuestion(question)[0]?.asks)).toEqual(['number', 'anything']);
  });

  it('gives at least one part and not too many for anything', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 3, unit: 'binary', maxLength: 200 }), (question) => {
        const parts = splitQuestion(question);
        expect(parts.length).toBeGreaterThan(0);
        expect(parts.length).toBeLessThanOrEqual(maxParts);
      }),
    );
    expect(splitQuestion('What is lease? '.repeat(100))).toHaveLength(maxParts);
  });
});
