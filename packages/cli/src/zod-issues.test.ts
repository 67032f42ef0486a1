import { describe, expect, it } from '@jest/globals';
import { researchInput, summarizeInput } from '@warren/tasks';
import type { z } from 'zod';
import { inputIssues, issueLine } from './zod-issues.js';

function linesOf(schema: z.ZodType, value: unknown): string[] {
  const { error } = schema.safeParse(value);
  return error === undefined ? [] : inputIssues(error, 'payload').map(issueLine);
}

describe('inputIssues', () => {
  it('names the field below its prefix and what was expected', () => {
    expect(linesOf(summarizeInput, { text: 'a', keywords: 'many' })).toEqual([
      'payload.keywords: expected number, received string',
    ]);
  });

  it('tells every alternative of a union', () => {
    expect(linesOf(summarizeInput, { text: 'a', length: 'huge' })).toEqual([
      'payload.length: expected one of "short"|"medium"|"long", or expected number, received string',
    ]);
  });

  it('names each unknown field, and fields in lists', () => {
    expect(linesOf(summarizeInput, { text: 'a', lenght: 'short', x: 1 })).toEqual([
      'payload.lenght: unknown field',
      'payload.x: unknown field',
    ]);
    expect(linesOf(researchInput, { question: 'why?', sources: [{ kind: 'file', path: '' }] })).toEqual([
      expect.stringMatching(/^payload\.sources\.0\.path: Too small/),
    ]);
  });

  it('names the whole by its prefix', () => {
    expect(linesOf(researchInput, null)).toEqual(['payload: expected object, received null']);
  });
});
