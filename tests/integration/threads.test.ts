import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createResearchHandler, type ResearchJob, type ResearchJobResult } from '@warren/research-worker';
import { createSourceReader, defaultSourcesConfig } from '@warren/sources';
import { createSummarizeHandler, type SummarizeJob } from '@warren/summarize-worker';
import { type SummarizeInput, type SummarizeResult, TaskFailure } from '@warren/tasks';
import { createThreadPool, type ThreadPool, type ThreadPoolOptions } from '@warren/threads';
import type { HandlerContext, Progress } from '@warren/worker';
import { pino } from 'pino';

/** Threads run compiled JavaScript: these tests need the `dist` of the services. */
const compiled = (service: string, file: string) => new URL(`../../services/${service}/dist/${file}`, import.meta.url);

const open: ThreadPool<never, unknown>[] = [];
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'warren-threads-'));
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close()));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function poolOf<Job, Result>(options: ThreadPoolOptions): ThreadPool<Job, Result> {
  const pool = createThreadPool<Job, Result>(options);
  open.push(pool);
  return pool;
}

/** A thread's file whose work does what each job says. */
async function scriptedThread(): Promise<URL> {
  const path = join(folder, 'scripted-thread.mjs');
  const code = `
    import { threadEntry } from ${JSON.stringify(new URL('../../packages/threads/dist/thread-entry.js', import.meta.url).href)};
    export default threadEntry((job, onStep) => {
      onStep({ message: job });
      if (job === 'loop') for (;;);
      if (job === 'throw') throw Object.assign(new Error('the text is upside down'), { code: 'overloaded', retryAfterMs: 1500 });
      if (job === 'hog') for (const hoard = []; ; ) hoard.push(new Array(10_000).fill(hoard.length));
      return job.toUpperCase();
    });`;
  await writeFile(path, code);
  return new URL(`file://${path}`);
}

function contextOf(steps: Progress[], signal = new AbortController().signal): HandlerContext {
  return {
    taskId: 'one',
    attempt: 1,
    signal,
    deadlineAt: Date.now() + 60_000,
    progress: (step) => steps.push(step),
    log: pino({ enabled: false }),
  };
}

describe('a pool of threads', () => {
  it('ends an endless loop at its deadline, and goes on with the next job in the same pool', async () => {
    const pool = poolOf<string, string>({ file: await scriptedThread(), threads: 1 });
    const deadline = new AbortController();
    const reason = new TaskFailure('timeout', 'the attempt took too long');
    const endless = pool.run('loop', { signal: deadline.signal, onStep: () => deadline.abort(reason) });
    await expect(endless).rejects.toBe(reason);
    await expect(pool.run('next', { signal: new AbortController().signal })).resolves.toMatchObject({ result: 'NEXT' });
  });

  it('leaves a neighbour alone when it ends a loop', async () => {
    const pool = poolOf<string, string>({ file: await scriptedThread(), threads: 2 });
    const first = new AbortController();
    const second = new AbortController();
    let looping = 0;
    const bothLoop = new Promise<void>((resolve) => {
      const onStep = () => {
        looping += 1;
        if (looping === 2) resolve();
      };
      pool.run('loop', { signal: first.signal, onStep }).catch(() => undefined);
      pool.run('loop', { signal: second.signal, onStep }).catch(() => undefined);
    });
    await bothLoop;
    first.abort();
    const signal = new AbortController().signal;
    await expect(pool.run('next', { signal })).resolves.toMatchObject({ result: 'NEXT' });
    second.abort();
  });

  it('does not start a job whose time is over while it waits for a thread', async () => {
    const pool = poolOf<string, string>({ file: await scriptedThread(), threads: 1 });
    const holder = new AbortController();
    const waiter = new AbortController();
    const held = pool.run('loop', { signal: holder.signal, onStep: () => waiter.abort(new Error('no longer wanted')) });
    const steps: Progress[] = [];
    const waiting = pool.run('next', { signal: waiter.signal, onStep: (step) => steps.push(step) });
    await expect(waiting).rejects.toThrow('no longer wanted');
    holder.abort(new Error('over'));
    await expect(held).rejects.toThrow('over');
    expect(steps).toEqual([]);
  });

  it('keeps the reason code, the words and the wait of what the work throws', async () => {
    const pool = poolOf<string, string>({ file: await scriptedThread(), threads: 1 });
    const thrown = pool.run('throw', { signal: new AbortController().signal });
    await expect(thrown).rejects.toMatchObject({
      code: 'overloaded',
      message: 'the text is upside down',
      retryAfterMs: 1_500,
    });
  });

  it('fails a job that takes too much memory, and goes on', async () => {
    const pool = poolOf<string, string>({ file: await scriptedThread(), threads: 1, memoryMb: 32 });
    const { signal } = new AbortController();
    await expect(pool.run('hog', { signal })).rejects.toMatchObject({ code: 'invalid-input' });
    await expect(pool.run('next', { signal })).resolves.toMatchObject({ result: 'NEXT' });
  });
});

describe('the handlers with their compiled threads', () => {
  it('summarizes a Markdown file', async () => {
    await writeFile(
      join(folder, 'notes.md'),
      '# Notes\n\nThe ledger holds each task. A worker claims a task in the ledger.\nNobody else may.\n',
    );
    const steps: Progress[] = [];
    const outcome = await summarizeHandler()(fileToSummarize('notes.md', 2), contextOf(steps));
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: { title: 'Notes', source: { kind: 'file', name: 'notes.md', sentences: 3 } },
      cost: { bytesRead: 92, sentences: 3 },
    });
    expect(steps.map(({ message }) => message)).toEqual([
      'reading notes.md',
      'extracting the text',
      'ranking 3 sentences',
      'chose 2 of 3 sentences',
    ]);
  });

  it('summarizes an HTML text that came with the task', async () => {
    const text = '<html><body><article><h1>Notes</h1><p>The ledger holds each task.</p></article></body></html>';
    const outcome = await summarizeHandler()({ text, format: 'html', length: 'short', keywords: 3 }, contextOf([]));
    expect(outcome).toMatchObject({ result: { summary: 'The ledger holds each task.', source: { kind: 'text' } } });
  });

  it('keeps the reason code of what the extraction throws', async () => {
    await writeFile(join(folder, 'deep.html'), '<div>'.repeat(1_000));
    await expect(summarizeHandler()(fileToSummarize('deep.html', 2), contextOf([]))).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('deep.html nests more than'),
    });
  });

  it('ends the extraction of a page that takes for ever, while the main thread goes on, and then takes the next', async () => {
    await writeFile(join(folder, 'slow.html'), slowPage());
    await writeFile(join(folder, 'quick.md'), 'The ledger holds each task.');
    const handler = summarizeHandler();
    const deadline = new AbortController();
    const reason = new TaskFailure('timeout', 'the attempt took too long');
    const context = {
      ...contextOf([], deadline.signal),
      progress: ({ message }: Progress) => {
        if (message === 'extracting the text') void rounds(20).then(() => deadline.abort(reason));
      },
    };
    const stalls = monitorEventLoopDelay({ resolution: 10 });
    stalls.enable();
    await expect(handler(fileToSummarize('slow.html', 2), context)).rejects.toBe(reason);
    stalls.disable();
    expect(stalls.max / 1e6).toBeLessThan(longestStallMs);
    await expect(handler(fileToSummarize('quick.md', 1), contextOf([]))).resolves.toMatchObject({
      result: { summary: 'The ledger holds each task.' },
    });
  });

  it('answers from a folder, citing file and line, and from nothing else', async () => {
    const docs = join(folder, 'docs');
    await mkdir(docs);
    await writeFile(
      join(docs, 'leases.md'),
      '# Leases\n\nShort.\n\nA lease holds for thirty\nseconds. It is renewed.\n',
    );
    await writeFile(join(docs, 'latin.txt'), Buffer.from('naïve', 'latin1'));
    const threads = poolOf<ResearchJob, ResearchJobResult>({
      file: compiled('research-worker', 'research-thread.js'),
      threads: 1,
    });
    const reader = createSourceReader({ ...defaultSourcesConfig, directories: [folder] });
    const steps: Progress[] = [];
    const outcome = await createResearchHandler({ reader, threads })(
      {
        question: 'How long does a lease hold, and who feeds the cat?',
        sources: [{ kind: 'file', path: 'docs' }],
        depth: 2,
        sentences: 1,
      },
      contextOf(steps),
    );
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: {
        answer: [{ text: 'A lease holds for thirty seconds.', citation: { source: 'docs/leases.md', line: 5 } }],
        unanswered: ['who feeds the cat?'],
      },
      cost: { bytesRead: 72, documents: 1 },
    });
    expect(steps).toContainEqual({ message: 'extracting the text of docs/leases.md', done: 1, total: 2 });
    expect(steps.map(({ message }) => message)).toContain('searching part 2 of 2, round 1 of 2');
  });
});

function summarizeHandler() {
  const threads = poolOf<SummarizeJob, SummarizeResult>({
    file: compiled('summarize-worker', 'summarize-thread.js'),
    threads: 1,
  });
  const reader = createSourceReader({ ...defaultSourcesConfig, directories: [folder] });
  return createSummarizeHandler({ reader, threads });
}

function fileToSummarize(path: string, length: number): SummarizeInput {
  return { source: { kind: 'file', path }, format: 'auto', length, keywords: 3 };
}

/** The article finder reads each element's text anew, so that depth times length keeps it busy for a minute. */
function slowPage(): string {
  return '<div>'.repeat(490) + `<p>${'word, and text '.repeat(2_000)}</p>`.repeat(300);
}

/** No noise holds a thread up for so long, and no machine is through with that page so soon. */
const longestStallMs = 5_000;

/** Resolves once the main thread came round so often. */
async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count; round += 1) await new Promise((resolve) => setTimeout(resolve, 1));
}
