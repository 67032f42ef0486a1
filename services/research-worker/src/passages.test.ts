import { describe, expect, it } from '@jest/globals';
import { documentFromText } from '@warren/sources';
import { passagesOf } from './passages.js';

const source = [
  '# House',
  'Rooms stand in layers. A room imports lower rooms.',
  '## Cellar',
  'The `attemptTimeoutMs` of a task is',
  'kept here. Ledgers are too.',
  '# Garden',
  'Nothing grows.',
].join('\n');

describe('passagesOf', () => {
  const passages = passagesOf([documentFromText(source, 'markdown', 'house.md')]);

  it('never crosses a heading, and knows the headings above', () => {
    expect(passages.map(({ headings }) => headings)).toEqual([['hous'], ['hous', 'cellar'], ['garden']]);
  });

  it('cites the line on which each sentence begins, and puts the sentence on one line', () => {
    expect(passages.flatMap(({ sentences }) => sentences.map(({ line, text }) => [line, text]))).toEqual([
      [2, 'Rooms stand in layers.'],
      [2, 'A room imports lower rooms.'],
      [4, 'The attemptTimeoutMs of a task is kept here.'],
      [5, 'Ledgers are too.'],
      [7, 'Nothing grows.'],
    ]);
  });

  it('finds a name by its parts', () => {
    expect([...(passages[1]?.stems ?? [])]).toEqual(expect.arrayContaining(['attempttimeoutm', 'attempt', 'timeout']));
  });

  it('knows what announces a sentence: the heading that it comes first under, the few words its block begins with', () => {
    const text = '# Lease\n\n**Nothing is lost.** Every move is written down.\n\nA worker renews.';
    const [passage] = passagesOf([documentFromText(text, 'markdown', 'a')]);
    expect(passage?.sentences.map(({ opens, announced }) => [[...opens], [...announced]])).toEqual([
      [['leas'], []],
      [[], ['lose']],
      [[], []],
    ]);
  });

  it('numbers passages through all documents', () => {
    const document = documentFromText('One here. Two here.', 'plain', 'a');
    expect(passagesOf([document, document]).map(({ id }) => id)).toEqual([0, 1]);
  });

  it('cuts a long section into windows', () => {
    const long = documentFromText('A worker takes the task. '.repeat(50), 'plain', 'a');
    expect(passagesOf([long]).length).toBe(10);
  });
});
