import { describe, expect, it } from '@jest/globals';
import { contentWordsOf } from '@warren/language';
import { keywordsOf } from './keywords.js';

const sentences = [
  'Queues hold messages until a worker takes them.',
  'A queue may hold many messages.',
  'RabbitMQ moves the message to its queue.',
].map(contentWordsOf);

describe('keywordsOf', () => {
  it('ranks what is frequent and spread, spelled as it is spelled most', () => {
    const keywords = keywordsOf({ title: [], headings: [], sentences }, 2);
    expect(keywords.map(({ word }) => word)).toEqual(['messages', 'queue']);
  });

  it('lets title and headings count more', () => {
    const one = [contentWordsOf('The broker and the worker.')];
    const first = (title: string, heading: string) =>
      keywordsOf({ title: contentWordsOf(title), headings: contentWordsOf(heading), sentences: one }, 1)[0]?.word;
    expect([first('', ''), first('Worker', ''), first('', 'Workers')]).toEqual(['broker', 'worker', 'worker']);
  });

  it('gives none for none wanted and none for no words', () => {
    expect(keywordsOf({ title: [], headings: [], sentences }, 0)).toEqual([]);
    expect(keywordsOf({ title: [], headings: [], sentences: [] }, 5)).toEqual([]);
  });
});
