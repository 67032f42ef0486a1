import { expect, it } from '@jest/globals';
import { counted } from './counted.js';

it.each([
  [0, '0 entries'],
  [1, '1 entry'],
  [1_204, '1,204 entries'],
])('%d', (count, words) => {
  expect(counted(count, 'entry', 'entries')).toBe(words);
});

it('adds an s where nothing else is said', () => {
  expect([counted(1, 'line'), counted(2, 'line')]).toEqual(['1 line', '2 lines']);
});
