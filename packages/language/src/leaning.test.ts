import { describe, expect, it } from '@jest/globals';
import { isTermEntry, leansOnPrevious } from './leaning.js';

describe('leansOnPrevious', () => {
  it.each([
    'This is why.',
    'However, it is not.',
    'Say worker A runs a task under the first copy.',
    'Suppose the broker is restarted.',
    'The second comes to another worker.',
    'Under the first, a task goes on.',
    'To wait for the lease as well would cost half a minute.',
    'If passed, it cancels the task.',
    'For that, listen to the events.',
    'Both are refused.',
    'Any other is put back.',
  ])('is true of %s', (text) => expect(leansOnPrevious(text)).toBe(true));

  it.each([
    'The ledger is the truth about each task.',
    'The first attempt counts as one.',
    'Both delays stand behind one interface.',
    'A worker ends its run as well as its lease.',
    'All workers renew their leases.',
    'Sayings are not examples.',
  ])('is false of %s', (text) => expect(leansOnPrevious(text)).toBe(false));
});

describe('isTermEntry', () => {
  it.each([
    ['expires: how long a task may wait for a worker', true],
    ['Plugin: exchange delayed, bound to exchange tasks.', true],
    ['It is simple: nothing is lost.', false],
    ['A worker that was killed decides nothing: it is gone.', false],
    ['The ledger holds each task.', false],
  ])('of "%s" is %s', (text, expected) => expect(isTermEntry(text)).toBe(expected));
});
