import { describe, expect, it } from '@jest/globals';
import type { SourceReader } from '@warren/sources';
import { type SourceReference, TaskFailure } from '@warren/tasks';
import type { Progress } from '@warren/worker';
import { pino } from 'pino';
import { defaultFetchLimits, type FetchLimits, fetchSources, nameOf } from './fetch-sources.js';

const file = (path: string): SourceReference => ({ kind: 'file', path });

/** A reader of a folder `docs` with what is given; a failure is thrown when its file is fetched. */
function readerOf(docs: Record<string, string | TaskFailure>): SourceReader & { fetches: string[] } {
  const fetches: string[] = [];
  return {
    fetches,
    async list(reference) {
      return nameOf(reference) === 'docs' ? Object.keys(docs).map(file) : [reference];
    },
    async fetch(reference, { signal }) {
      signal.throwIfAborted();
      fetches.push(nameOf(reference));
      const content = docs[nameOf(reference)] ?? new TaskFailure('not-found', `${nameOf(reference)} is not there.`);
      if (content instanceof TaskFailure) throw content;
      return { kind: 'file', name: nameOf(reference), bytes: new TextEncoder().encode(content), format: 'plain' };
    },
  };
}

async function fetchFrom(
  reader: SourceReader,
  sources: string[],
  given: { limits?: Partial<FetchLimits>; signal?: AbortSignal; steps?: Progress[] } = {},
) {
  const context = {
    signal: given.signal ?? new AbortController().signal,
    progress: (step: Progress) => given.steps?.push(step),
    log: pino({ enabled: false }),
  };
  const fetched = await fetchSources(sources.map(file), reader, context, { ...defaultFetchLimits, ...given.limits });
  return fetched.map(({ raw }) => raw.name);
}

describe('fetchSources', () => {
  it('reads each file once, in the order given, and tells each', async () => {
    const steps: Progress[] = [];
    const reader = readerOf({ 'docs/a': 'A.', 'docs/b': 'B.' });
    expect(await fetchFrom(reader, ['docs/b', 'docs'], { steps })).toEqual(['docs/b', 'docs/a']);
    expect(reader.fetches).toEqual(['docs/b', 'docs/a']);
    expect(steps).toContainEqual({ message: 'reading docs/a', done: 1, total: 2 });
  });

  it('passes over a file of a folder that is unreadable for good', async () => {
    const reader = readerOf({ 'docs/a': 'A.', 'docs/b': new TaskFailure('invalid-input', 'binary') });
    expect(await fetchFrom(reader, ['docs'])).toEqual(['docs/a']);
  });

  it('fails when a source that was named is not there', async () => {
    const reader = readerOf({ 'docs/a': 'A.' });
    await expect(fetchFrom(reader, ['docs', 'gone'])).rejects.toMatchObject({ code: 'not-found' });
  });

  it('fails when a file of a folder is named too', async () => {
    const reader = readerOf({ 'docs/a': 'A.', 'docs/b': new TaskFailure('invalid-input', 'binary') });
    await expect(fetchFrom(reader, ['docs', 'docs/b'])).rejects.toMatchObject({ code: 'invalid-input' });
  });

  it('throws what may pass, so that the task is tried again', async () => {
    const reader = readerOf({ 'docs/a': 'A.', 'docs/b': new TaskFailure('upstream-error', '503') });
    await expect(fetchFrom(reader, ['docs'])).rejects.toMatchObject({ code: 'upstream-error' });
  });

  it('stops reading after a failure', async () => {
    const reader = readerOf({ 'docs/a': new TaskFailure('network', 'gone'), 'docs/b': 'B.', 'docs/c': 'C.' });
    await expect(fetchFrom(reader, ['docs'], { limits: { concurrency: 1 } })).rejects.toMatchObject({
      code: 'network',
    });
    expect(reader.fetches).toEqual(['docs/a']);
  });

  it.each([
    ['files', { maxDocuments: 1 }, /2 files, more than the 1/],
    ['bytes', { maxBytes: 3 }, /more than the 3 bytes/],
  ])('refuses too many %s and names the field', async (_name, limits, message) => {
    const reader = readerOf({ 'docs/a': 'A.', 'docs/b': 'B.' });
    await expect(fetchFrom(reader, ['docs'], { limits })).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(message),
    });
  });

  it('gives nothing of a folder without text', async () => {
    expect(await fetchFrom(readerOf({}), ['docs'])).toEqual([]);
  });

  it('throws the reason of the signal', async () => {
    const reason = new TaskFailure('timeout', 'deadline');
    const reader = readerOf({ 'docs/a': 'A.' });
    await expect(fetchFrom(reader, ['docs'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
