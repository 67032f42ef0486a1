import { describe, expect, it } from '@jest/globals';
import { contentWordsOf, countWords, isStopWord, wordOverlap } from './words.js';

const stemsOf = (text: string) => contentWordsOf(text).map(({ stem }) => stem);

describe('contentWordsOf', () => {
  it('leaves out stop words and compares English words by their stem', () => {
    expect(stemsOf("The queues don't queue what the worker's queued")).toEqual(['queu', 'queu', 'worker', 'queu']);
  });

  it.each(['lose loses losing lost', 'write wrote written writing', 'die dies died death', 'decide decided decision'])(
    'takes the forms of one verb for one: %s',
    (forms) => {
      expect(new Set(stemsOf(forms)).size).toBe(1);
    },
  );

  it('keeps words of other languages as they are', () => {
    expect(stemsOf('Die Warteschlange für Aufträge')).toEqual(['die', 'warteschlang', 'für', 'aufträge']);
    expect(stemsOf('東京に住む')).toEqual(['東京', '住む']);
  });

  it('keeps the spelling beside the stem', () => {
    expect(contentWordsOf('RabbitMQ')).toEqual([{ surface: 'RabbitMQ', stem: 'rabbitmq' }]);
  });
});

describe('countWords', () => {
  it('counts every word', () => {
    expect(countWords('It is 3.10, or so.')).toBe(5);
  });
});

describe('isStopWord', () => {
  it('knows either apostrophe and any case', () => {
    expect([isStopWord('Don’t'), isStopWord('THE'), isStopWord('queue')]).toEqual([true, true, false]);
  });
});

describe('wordOverlap', () => {
  it('is 1 for the same words, 0 for none shared or none at all', () => {
    expect(wordOverlap(new Set(['a', 'b']), new Set(['b', 'a']))).toBe(1);
    expect(wordOverlap(new Set(['a', 'b']), new Set(['b', 'c']))).toBe(0.5);
    expect(wordOverlap(new Set(), new Set())).toBe(0);
  });
});
