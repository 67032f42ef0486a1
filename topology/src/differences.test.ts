import { expect, it } from '@jest/globals';
import { differences } from './differences.js';

it('differences names what is missing, what is there too many and what differs, and nothing else', () => {
  const wanted = { same: 1, changed: 9, missing: 'dead', text: '1' };
  const current = { same: 1, changed: 3, extra: true, text: 1 };
  expect(differences(wanted, current)).toEqual([
    { argument: 'changed', wanted: 9, current: 3 },
    { argument: 'extra', wanted: null, current: true },
    { argument: 'missing', wanted: 'dead', current: null },
    { argument: 'text', wanted: '1', current: 1 },
  ]);
  expect(differences(wanted, wanted)).toEqual([]);
});
