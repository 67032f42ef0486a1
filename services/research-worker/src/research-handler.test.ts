import { describe, expect, it } from '@jest/globals';
import type { SourceReader } from '@warren/sources';
import type { HandlerContext, Progress } from '@warren/worker';
import { pino } from 'pino';
import { createResearchHandler, type ResearchThreads } from './research-handler.js';
import { workResearchJob } from './research-job.js';

/** The work without its thread. */
const threads: Pick<ResearchThreads, 'run'> = {
  run: async (job, { onStep }) => ({ result: workResearchJob(job, (step) => onStep?.(step)), workMs: 7 }),
};

function handle(source: string | undefined, steps: Progress[] = []) {
  const reader: SourceReader = {
    list: async (reference) => (source === undefined ? [] : [reference]),
    fetch: async () => ({
      kind: 'file',
      name: 'notes.md',
      bytes: new TextEncoder().encode(source),
      format: 'markdown',
    }),
  };
  const context: HandlerContext = {
    taskId: 'one',
    attempt: 1,
    signal: new AbortController().signal,
    deadlineAt: 0,
    progress: (step) => steps.push(step),
    log: pino({ enabled: false }),
  };
  const input = { question: 'What is a lease?', depth: 1, sentences: 3 };
  return createResearchHandler({ reader, threads })(
    { ...input, sources: [{ kind: 'file', path: 'notes.md' }] },
    context,
  );
}

describe('createResearchHandler', () => {
  it('answers, tells its steps and what it cost', async () => {
    const steps: Progress[] = [];
    await expect(handle('A lease is a claim that ends by itself.', steps)).resolves.toMatchObject({
      kind: 'completed',
      result: { answer: [{ citation: { source: 'notes.md', line: 1 } }], unanswered: [] },
      cost: { bytesRead: 39, documents: 1, passages: 1, workMs: 7 },
    });
    expect(steps.map(({ message }) => message)).toEqual([
      'listing notes.md',
      'reading notes.md',
      'extracting the text of notes.md',
      'indexing 1 passage',
      'searching part 1 of 1, round 1 of 1',
      'composing the answer',
    ]);
  });

  it('completes a question that the sources hold nothing on', async () => {
    await expect(handle('Nothing about that here.')).resolves.toMatchObject({
      result: { answer: [], unanswered: ['What is a lease?'] },
    });
  });

  it('refuses sources that hold no file', async () => {
    await expect(handle(undefined)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('notes.md'),
    });
  });

  it('refuses sources without a sentence and names them', async () => {
    await expect(handle('# Only a heading')).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('"sources" (notes.md) hold no sentence'),
    });
  });
});
