import { describe, expect, it } from '@jest/globals';
import { documentFromText } from '@warren/sources';
import { type SummarizeInput, summarizeInput, TaskFailure } from '@warren/tasks';
import type { HandlerContext, Progress } from '@warren/worker';
import { pino } from 'pino';
import { summarizeDocument } from './summarize-document.js';
import { createSummarizeHandler, type SummarizeEngine } from './summarize-handler.js';

/** The engine without its thread. */
const engine: Pick<SummarizeEngine, 'run'> = {
  async run({ of, ...options }, { onStep }) {
    const document = of.kind === 'document' ? of.document : documentFromText(of.text, of.format);
    return { result: summarizeDocument(document, options, (message) => onStep?.({ message })), engineMs: 7 };
  },
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
      async read(reference, { format = 'auto' }) {
        const url = reference.kind === 'url' ? reference.url : reference.path;
        const page = pages.get(url);
        if (page === undefined) throw new TaskFailure('not-found', `${url} is not there.`);
        return { ...documentFromText(page, format, url), kind: 'url' };
      },
    },
    engine,
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
      cost: { bytesRead: 48, sentences: 2, engineMs: 7 },
    });
    expect(steps.map(({ message }) => message)).toEqual([
      'reading the text',
      'ranking 2 sentences',
      'chose 1 of 2 sentences',
    ]);
  });

  it('summarizes what a source holds', async () => {
    const outcome = await handle({ source: { kind: 'url', url: 'https://example.org/page' }, format: 'html' });
    expect(outcome).toMatchObject({ result: { source: { kind: 'url', name: 'https://example.org/page' } } });
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
