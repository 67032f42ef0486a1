import { describe, expect, it } from '@jest/globals';
import { readSubmissionLine } from './submission-line.js';

const id = '0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1b';
const defaults = { type: 'summarize', options: { tenant: 'acme', priority: 2 } };

describe('readSubmissionLine', () => {
  it.each([
    ['the input alone', { text: 'x' }, { type: 'summarize', input: { text: 'x' }, options: defaults.options }],
    [
      'a submission',
      { input: { question: 'y' }, type: 'research', id: id.toUpperCase(), priority: 8, delayMs: 5 },
      { type: 'research', input: { question: 'y' }, id, options: { tenant: 'acme', priority: 8, delayMs: 5 } },
    ],
    [
      'the message of other languages',
      { task_id: id, task_type: 'summarize', payload: { text: 'x' } },
      { type: 'summarize', input: { text: 'x' }, id, options: defaults.options },
    ],
    [
      'a deadline as text',
      { input: { text: 'x' }, deadline: '2030-01-31T18:00:00Z' },
      {
        type: 'summarize',
        input: { text: 'x' },
        options: { ...defaults.options, deadline: Date.UTC(2030, 0, 31, 18) },
      },
    ],
    [
      'a priority by its class',
      { input: { text: 'x' }, priority: 'high' },
      { type: 'summarize', input: { text: 'x' }, options: { tenant: 'acme', priority: 8 } },
    ],
    [
      'the same in the message of other languages',
      { payload: { text: 'x' }, priority: 'low' },
      { type: 'summarize', input: { text: 'x' }, options: { tenant: 'acme', priority: 2 } },
    ],
    ['anything else, for the schema to refuse', 5, { type: 'summarize', input: 5, options: defaults.options }],
  ])('%s', (_name, line, expected) => {
    expect(readSubmissionLine(line, defaults)).toEqual(expected);
  });

  it.each([
    [{ input: {}, prio: 1 }, 'prio'],
    [{ input: {}, id: 'abc' }, 'id'],
    [{ payload: {}, id }, 'id'],
    [{ input: {}, priority: 10 }, 'priority'],
    [{ input: {}, priority: 'urgent' }, 'priority'],
    [{ input: {}, deadline: 'tomorrow' }, 'deadline'],
  ])('%j names %s', (line, field) => {
    expect(() => readSubmissionLine(line, defaults)).toThrow(expect.objectContaining({ field, exitCode: 2 }));
  });
});
