import { describe, expect, it } from '@jest/globals';
import { researchInput, summarizeInput } from '@warren/tasks';
import { z } from 'zod';
import { inputIssues, issueLine } from './zod-issues.js';

function linesOf(schema: z.ZodType, value: unknown): string[] {
  const { error } = schema.safeParse(value);
  return error === undefined ? [] : inputIssues(error, 'payload', schema).map(issueLine);
}

describe('inputIssues', () => {
  it('names the field below its prefix and what was expected', () => {
    expect(linesOf(summarizeInput, { text: 'a', keywords: 'many' })).toEqual([
      'payload.keywords: has to be a number, not text',
    ]);
  });

  it('names the limit', () => {
    expect(linesOf(summarizeInput, { text: 'x'.repeat(500_001), length: 99, keywords: -1 })).toEqual([
      'payload.text: has to have at most 500,000 characters',
      'payload.length: has to be at most 50',
      'payload.keywords: has to be at least 0',
    ]);
    expect(linesOf(researchInput, { question: 'w', sources: Array(51).fill({ kind: 'file', path: 'x' }) })).toEqual([
      'payload.question: has to have at least 3 characters',
      'payload.sources: has to have at most 50 entries',
    ]);
    expect(linesOf(summarizeInput, { text: 'x', keywords: 1.5 })).toEqual([
      'payload.keywords: has to be a whole number',
    ]);
  });

  it('says what is missing, and what may stand there', () => {
    expect(linesOf(researchInput, { question: 'why?' })).toEqual(['payload.sources: is missing: it has to be a list']);
    const sources = (source: object) => linesOf(researchInput, { question: 'why?', sources: [source] });
    expect(sources({ kind: 'ftp' })).toEqual(['payload.sources.0.kind: has to be file or url']);
    expect(sources({ kind: 'url', url: 'ftp://x' })).toEqual([
      expect.stringMatching(/^payload\.sources\.0\.url: has to be a URL/),
    ]);
  });

  it("keeps a schema's own words", () => {
    expect(linesOf(summarizeInput, {})).toEqual(['payload.text: give exactly one of "text" and "source"']);
  });

  it('tells every alternative of a union', () => {
    expect(linesOf(summarizeInput, { text: 'a', length: 'huge' })).toEqual([
      'payload.length: has to be short, medium or long, or a number',
    ]);
  });

  it('names each unknown field, and fields in lists', () => {
    expect(linesOf(summarizeInput, { text: 'a', lenght: 'short', sauce: 1, x: 1 })).toEqual([
      'payload.lenght: unknown field, did you mean "length"?',
      'payload.sauce: unknown field, did you mean "source"?',
      'payload.x: unknown field',
    ]);
    expect(linesOf(researchInput, { question: 'why?', sources: [{ kind: 'file', path: '' }] })).toEqual([
      'payload.sources.0.path: must not be empty',
    ]);
  });

  it('names the fields of which one is wanted', () => {
    const wants = (schema: z.ZodType, value: unknown) =>
      inputIssues(schema.safeParse(value).error ?? new z.ZodError([]), 'payload').map((issue) => issue.wants);
    expect(wants(researchInput, { question: 'why?' })).toEqual([['payload.sources']]);
    expect(wants(summarizeInput, {})).toEqual([['payload.text', 'payload.source']]);
    expect(wants(summarizeInput, { text: 5 })).toEqual([undefined]);
  });

  it('names the whole by its prefix', () => {
    expect(linesOf(researchInput, null)).toEqual(['payload: has to be an object, not null']);
  });
});
