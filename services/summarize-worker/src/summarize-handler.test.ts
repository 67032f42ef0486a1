import { describe, expect, it } from '@jest/globals';
import { type SummarizeInput, summarizeInput, TaskFailure } from '@warren/tasks';
import type { HandlerContext, Progress } from '@warren/worker';
import { pino } from 'pino';
import { createSummarizeHandler, type SummarizeThreads } from './summarize-handler.js';
import { workSummarizeJob } from './summarize-job.js';

/** The work without its thread. */
const threads: Pick<SummarizeThreads, 'run'> = {
  run: async (job, { onStep }) => ({ result: workSummarizeJob(job, (step) => onStep?.(step)), workMs: 7 }),
};

const pages = new Map([
  ['https://example.org/page', '<h1>Ledger</h1><p>The ledger holds every task. It never forgets a task.</p>'],
  ['https://example.org/code', '<pre>code()</pre>'],
]);

async function handle(input: Partial<SummarizeInput>, steps: Progress[] = []) {
  const context: HandlerContext = {
    taskId: 'one',
    attempt: 1,
    signal: new AbortController().signal,
    deadlineAt: 0,
    progress: (step) => steps.push(step),
    log: pino({ enabled: false }),
  };
  const handler = createSummarizeHandler({
    reader: {
      async fetch(reference) {
        const name = reference.kind === 'url' ? reference.url : reference.path;
        const page = pages.get(name);
        if (page === undefined) throw new TaskFailure('not-found', `${name} is not there.`);
        return { kind: 'url', name, bytes: new TextEncoder().encode(page), format: 'auto', charset: undefined };
      },
    },
    threads,
  });
  return handler(summarizeInput.parse(input), context);
}

describe('createSummarizeHandler', () => {
  it('summarizes a text, tells its steps and what it cost', async () => {
    const steps: Progress[] = [];
    const outcome = await handle({ text: 'The ledger holds every task. A worker claims it.', length: 1 }, steps);
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: { source: { kind: 'text', name: 'text', sentences: 2 } },
      cost: { bytesRead: 48, sentences: 2, workMs: 7 },
    });
    expect(steps.map(({ message }) => message)).toEqual([
      'extracting the text',
      'ranking 2 sentences',
      'chose 1 of 2 sentences',
    ]);
    expect(steps.map(({ done, total }) => [done, total])).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
  });

  it('summarizes what a source holds', async () => {
    const steps: Progress[] = [];
    const outcome = await handle({ source: { kind: 'url', url: 'https://example.org/page' }, format: 'html' }, steps);
    expect(outcome).toMatchObject({ result: { source: { kind: 'url', name: 'https://example.org/page' } } });
    expect(steps[0]).toEqual({ message: 'reading https://example.org/page', done: 0, total: 3 });
  });

  it.each([
    ['white space', { text: ' \n ' }, /"text" holds no sentence/],
    ['headings alone', { text: '# One\n## Two', format: 'markdown' as const }, /"text" holds no sentence/],
    [
      'a page of code',
      { source: { kind: 'url' as const, url: 'https://example.org/code' }, format: 'html' as const },
      /"source" \(https:\/\/example.org\/code\) holds no sentence/,
    ],
  ])('refuses %s and names the field', async (_name, input, message) => {
    await expect(handle(input)).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(message),
    });
  });

  it('fails as the reader fails', async () => {
    const input = { source: { kind: 'url' as const, url: 'https://example.org/gone' } };
    await expect(handle(input)).rejects.toMatchObject({ code: 'not-found' });
  });
});
