import { describe, expect, it } from '@jest/globals';
import { type BuiltSubmission, buildSubmission, type SubmissionWords } from './build-submission.js';
import { assertSubmittable } from './explain-defect.js';
import type { PathKind } from './input-flags.js';

const now = Date.UTC(2030, 0, 31, 18, 0, 0);
const present: Readonly<Record<string, PathKind>> = { '/work/a.md': 'file', '/work/docs': 'folder' };
const world = { cwd: '/work', look: (path: string) => present[path] ?? 'nothing' };

function build(words: Partial<SubmissionWords>, where: Parameters<typeof buildSubmission>[1] = world): BuiltSubmission {
  const complete = { type: 'summarize', id: undefined, input: undefined, flags: {}, options: {}, ...words };
  return buildSubmission(complete, where, now);
}

/** The error of building and checking: what the person meets. */
function complaint(words: Partial<SubmissionWords>) {
  try {
    const built = build(words);
    assertSubmittable(built.submission, built);
  } catch (error) {
    return error;
  }
  throw new Error('it was accepted');
}

describe('buildSubmission', () => {
  it('fills the input of summarize', () => {
    const { submission } = build({ flags: { file: 'a.md', length: '4', keywords: '3', format: 'markdown' } });
    expect(submission).toEqual({
      type: 'summarize',
      input: { source: { kind: 'file', path: '/work/a.md' }, length: 4, keywords: 3, format: 'markdown' },
      options: {},
    });
  });

  it('fills the input of research from files, folders and URLs', () => {
    const flags = { question: 'why?', source: ['docs', 'a.md', 'https://example.org/x'], depth: '2' };
    expect(build({ type: 'research', flags }).submission.input).toEqual({
      question: 'why?',
      sources: [
        { kind: 'file', path: '/work/docs' },
        { kind: 'file', path: '/work/a.md' },
        { kind: 'url', url: 'https://example.org/x' },
      ],
      depth: 2,
    });
  });

  it('adds flags to a given input', () => {
    expect(build({ input: { text: 'x' }, flags: { length: 'short' } }).submission.input).toEqual({
      text: 'x',
      length: 'short',
    });
  });

  it('takes any path when it is told not to look', () => {
    const { submission } = build({ flags: { file: '../b.md' } }, { cwd: '/work', look: undefined });
    expect(submission.input).toEqual({ source: { kind: 'file', path: '/b.md' } });
  });

  it('reads how the task is treated', () => {
    const options = {
      priority: 'high',
      delay: '10m',
      expires: '1h',
      deadline: '2h',
      entity: ['a', 'b'],
      tenant: 'acme',
    };
    expect(
      build({ flags: { text: 'x' }, options, id: '0197A3F0-1C2D-7E4F-8A5B-6C7D8E9F0A1B' }).submission,
    ).toMatchObject({
      id: '0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1b',
      options: {
        priority: 8,
        delayMs: 600_000,
        expiresMs: 3_600_000,
        deadline: now + 7_200_000,
        entities: ['a', 'b'],
        tenant: 'acme',
      },
    });
    expect(
      build({ flags: { text: 'x' }, options: { deadline: '2030-01-31T19:00:00+00:00', priority: '3' } }).submission
        .options,
    ).toEqual({ deadline: now + 3_600_000, priority: 3 });
  });
});

describe('what is wrong is named by its flag', () => {
  it.each<[string, Partial<SubmissionWords>, string, RegExp]>([
    ['a type', { type: 'sumarize' }, '<type>', /no task type "sumarize"/],
    ['no input', {}, '--input', /no input/],
    ['a flag of another type', { flags: { question: 'x' } }, '--question', /summarize does not take it/],
    ['a missing file', { flags: { file: 'b.md' } }, '--file', /no file .*\/work\/b\.md/],
    ['a folder', { flags: { file: 'docs' } }, '--file', /is a folder/],
    ['an empty path', { flags: { file: '' } }, '--file', /is empty/],
    ['a URL', { flags: { url: 'ftp://x' } }, '--url', /not an http/],
    ['two sources', { flags: { file: 'a.md', url: 'https://x.org' } }, '--file', /^--file: --url is given already$/],
    ['text and source', { flags: { text: 'x', file: 'a.md' } }, '--text', /^give one of --text, --file, --url$/],
    ['neither text nor source', { flags: { length: 'short' } }, '--text', /^give one of --text, --file, --url$/],
    ['the same in JSON', { input: { length: 'short' } }, 'payload.text', /exactly one of "text" and "source"/],
    [
      'no source',
      { type: 'research', flags: { question: 'x y z' } },
      '--source',
      /^--source is missing: a file, a folder or a URL to read; may be repeated$/,
    ],
    [
      'no question',
      { type: 'research', flags: { source: ['docs'] } },
      '--question',
      /^--question is missing: what to find out$/,
    ],
    ['no source in JSON', { type: 'research', input: { question: 'x y z' } }, 'payload.sources', /is missing/],
    ['stdin as a file', { flags: { file: '-' } }, '--file', /can't read this stdin/],
    ['a flag beside the input', { input: { text: 'x' }, flags: { text: 'y' } }, '--text', /given already/],
    ['a flag beside no object', { input: [], flags: { text: 'y' } }, '--input', /not a JSON object/],
    [
      'a length',
      { flags: { text: 'x', length: 'huge' } },
      '--length',
      /^--length: has to be short, medium or long, or a number$/,
    ],
    ['a count beyond its type', { flags: { text: 'x', keywords: '51' } }, '--keywords', /whole number from 0 to 50$/],
    [
      'rounds beyond their type',
      { type: 'research', flags: { question: 'why?', depth: '0' } },
      '--depth',
      /from 1 to 5$/,
    ],
    ['a count', { flags: { text: 'x', keywords: '-1' } }, '--keywords', /whole number/],
    ['a field of the input', { input: { text: 1 } }, 'payload.text', /^--input: text: has to be text, not a number$/],
    ['an unknown field', { input: { text: 'x', txt: 1 } }, 'payload.txt', /unknown field, did you mean "text"\?/],
    ['an id', { flags: { text: 'x' }, id: 'abc' }, '--id', /not a UUID/],
    ['a priority', { flags: { text: 'x' }, options: { priority: '10' } }, '--priority', /0 to 9/],
    ['a delay', { flags: { text: 'x' }, options: { delay: '5' } }, '--delay', /not a duration/],
    [
      'a delay too long',
      { flags: { text: 'x' }, options: { delay: '400d' } },
      '--delay',
      /^--delay: "400d" has to be at most 366d$/,
    ],
    [
      'no expiry',
      { flags: { text: 'x' }, options: { expires: '0' } },
      '--expires',
      /^--expires: "0" has to be more than 0$/,
    ],
    ['no time', { flags: { text: 'x' }, options: { deadline: 'soon' } }, '--deadline', /neither a time nor a duration/],
    [
      'a time that is none',
      { flags: { text: 'x' }, options: { deadline: '2030-99-01' } },
      '--deadline',
      /neither a time nor a duration/,
    ],
    ['a past time', { flags: { text: 'x' }, options: { deadline: '2020-01-01' } }, '--deadline', /has passed/],
    [
      'a deadline in the delay',
      { flags: { text: 'x' }, options: { deadline: '1h', delay: '2h' } },
      '--deadline',
      /--delay/,
    ],
    [
      'an empty key',
      { flags: { text: 'x' }, options: { idempotencyKey: '' } },
      '--idempotency-key',
      /^--idempotency-key: must not be empty$/,
    ],
    ['a tenant', { flags: { text: 'x' }, options: { tenant: 'a\u0007' } }, '--tenant', /control characters/],
    [
      'an entity',
      { flags: { text: 'x' }, options: { entity: ['x'.repeat(200)] } },
      '--entity',
      /^--entity: has to have at most 128 characters$/,
    ],
    ['too much text', { flags: { text: 'x'.repeat(600_000) } }, '--text', /--text/],
  ])('%s', (_name, words, field, message) => {
    const error = complaint(words);
    expect(error).toMatchObject({ name: 'UsageError', field, exitCode: 2, message: expect.stringMatching(message) });
  });
});
