import { describe, expect, it } from '@jest/globals';
import { resultText } from './result-text.js';

const plain = (text: string) => text;

const summary = (sentences: number) => ({
  title: null,
  summary: '',
  sentences: [{ text: 'Rabbits dig tunnels that join into a warren.', start: 0, end: 44, line: 3, score: 1 }],
  keywords: [],
  headings: [],
  source: { kind: 'text', name: 'text', bytes: 1, sentences },
});

const answer = {
  question: 'Who digs?',
  parts: [],
  answer: [{ text: 'Rabbits dig tunnels that join into a warren.', citation: { source: 'a.md', line: 1 } }],
  unanswered: [],
  sources: [{ name: 'a.md', passages: 1 }],
};

describe('resultText', () => {
  it('wraps prose at words, within the terminal', () => {
    expect(resultText('summarize', summary(2), { paint: plain, width: 32 })).toBe(
      '    3  Rabbits dig tunnels that\n       join into a warren.\n\n1 of 2 sentences of text (1 byte)',
    );
    expect(resultText('research', answer, { paint: plain, width: 30 })).toBe(
      'Who digs?\n\n  Rabbits dig tunnels that\n  join into a warren.\n    a.md:1\n\n1 sentence from 1 of 1 source',
    );
  });

  it('says once that nothing was found, and of a part which one', () => {
    const style = { paint: plain, width: undefined };
    const nothing = { ...answer, answer: [], unanswered: ['Who digs?'], sources: [{ name: 'a.md', passages: 0 }] };
    expect(resultText('research', nothing, style)).toBe(
      'Who digs?\n\n  Nothing was found.\n\n0 sentences from 0 of 1 source',
    );
    expect(resultText('research', { ...answer, unanswered: ['why'] }, style)).toContain('nothing was found on: why');
  });

  it('leaves lines whole where there is no terminal, and counts one as one', () => {
    expect(resultText('summarize', summary(1), { paint: plain, width: undefined })).toBe(
      '    3  Rabbits dig tunnels that join into a warren.\n\n1 of 1 sentence of text (1 byte)',
    );
  });
});
