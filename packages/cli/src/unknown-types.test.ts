import { expect, it } from '@jest/globals';
import { unknownTypesNote } from './unknown-types.js';

const known = ['research', 'summarize'];

it('names the types that a filter asked for in vain, and those there are', () => {
  expect(unknownTypesNote(['nosuch', 'summarize', 'sumarize', 'nosuch'], [], known)).toBe(
    'no task type nosuch, sumarize here; there are research, summarize',
  );
});

it('says nothing of a type that is known, nor of one that left something behind', () => {
  expect(unknownTypesNote(['summarize'], [], known)).toBeUndefined();
  expect(unknownTypesNote(['retired'], [{ type: null }, { type: 'retired' }], known)).toBeUndefined();
  expect(unknownTypesNote([], [], known)).toBeUndefined();
});
