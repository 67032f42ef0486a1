import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createEnginePool, type EnginePool, type EnginePoolOptions } from '@warren/engine';
import type { Researched, ResearchJob } from '@warren/research-worker';
import { createResearchHandler } from '@warren/research-worker';
import { createSourceReader, defaultSourcesConfig } from '@warren/sources';
import { createSummarizeHandler, type SummarizeJob } from '@warren/summarize-worker';
import { type SummarizeResult, TaskFailure } from '@warren/tasks';
import type { HandlerContext, Progress } from '@warren/worker';
import { pino } from 'pino';

/** Threads run compiled JavaScript: these tests need the `dist` of the services. */
const compiled = (service: string, file: string) => new URL(`../../services/${service}/dist/${file}`, import.meta.url);

const open: EnginePool<never, unknown>[] = [];
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'warren-engines-'));
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close()));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function poolOf<Job, Result>(options: EnginePoolOptions): EnginePool<Job, Result> {
  const pool = createEnginePool<Job, Result>(options);
  open.push(pool);
  return pool;
}

/** A thread's file whose engine does what each job says. */
async function scriptedThread(): Promise<URL> {
  const path = join(folder, 'scripted-thread.mjs');
  const engine = `
    import { engineThread } from ${JSON.stringify(new URL('../../packages/engine/dist/engine-thread.js', import.meta.url).href)};
    export default engineThread((job, onStep) => {
      onStep({ message: job });
      if (job === 'loop') for (;;);
      if (job === 'throw') throw Object.assign(new Error('the text is upside down'), { code: 'invalid-input' });
      if (job === 'hog') for (const hoard = []; ; ) hoard.push(new Array(10_000).fill(hoard.length));
      return job.toUpperCase();
    });`;
  await writeFile(path, engine);
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

describe('an engine in threads', () => {
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

  it('keeps the reason code of what the engine throws', async () => {
    const pool = poolOf<string, string>({ file: await scriptedThread(), threads: 1 });
    const thrown = pool.run('throw', { signal: new AbortController().signal });
    await expect(thrown).rejects.toMatchObject({ code: 'invalid-input', message: 'the text is upside down' });
  });

  it('fails a job that takes too much memory, and goes on', async () => {
    const pool = poolOf<string, string>({ file: await scriptedThread(), threads: 1, memoryMb: 32 });
    const { signal } = new AbortController();
    await expect(pool.run('hog', { signal })).rejects.toMatchObject({ code: 'invalid-input' });
    await expect(pool.run('next', { signal })).resolves.toMatchObject({ result: 'NEXT' });
  });
});

describe('the handlers with their compiled engines', () => {
  it('summarizes a Markdown file', async () => {
    await writeFile(
      join(folder, 'notes.md'),
      '# Notes\n\nThe ledger holds each task. A worker claims a task in the ledger.\nNobody else may.\n',
    );
    const engine = poolOf<SummarizeJob, SummarizeResult>({
      file: compiled('summarize-worker', 'summarize-thread.js'),
      threads: 1,
    });
    const reader = createSourceReader({ ...defaultSourcesConfig, directories: [folder] });
    const steps: Progress[] = [];
    const outcome = await createSummarizeHandler({ reader, engine })(
      { source: { kind: 'file', path: 'notes.md' }, format: 'auto', length: 2, keywords: 3 },
      contextOf(steps),
    );
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: { title: 'Notes', source: { kind: 'file', name: 'notes.md', sentences: 3 } },
      cost: { sentences: 3 },
    });
    expect(steps.map(({ message }) => message)).toEqual([
      'reading notes.md',
      'ranking 3 sentences',
      'chose 2 of 3 sentences',
    ]);
  });

  it('summarizes an HTML text that came with the task', async () => {
    const engine = poolOf<SummarizeJob, SummarizeResult>({
      file: compiled('summarize-worker', 'summarize-thread.js'),
      threads: 1,
    });
    const reader = createSourceReader(defaultSourcesConfig);
    const text = '<html><body><article><h1>Notes</h1><p>The ledger holds each task.</p></article></body></html>';
    const outcome = await createSummarizeHandler({ reader, engine })(
      { text, format: 'html', length: 'short', keywords: 3 },
      contextOf([]),
    );
    expect(outcome).toMatchObject({ result: { summary: 'The ledger holds each task.', source: { kind: 'text' } } });
  });

  it('answers from a folder, citing file and line, and from nothing else', async () => {
    await writeFile(
      join(folder, 'leases.md'),
      '# Leases\n\nShort.\n\nA lease holds for thirty\nseconds. It is renewed.\n',
    );
    const engine = poolOf<ResearchJob, Researched>({
      file: compiled('research-worker', 'research-thread.js'),
      threads: 1,
    });
    const reader = createSourceReader({ ...defaultSourcesConfig, directories: [folder] });
    const steps: Progress[] = [];
    const outcome = await createResearchHandler({ reader, engine })(
      {
        question: 'How long does a lease hold, and who feeds the cat?',
        sources: [{ kind: 'file', path: folder }],
        depth: 2,
        sentences: 1,
      },
      contextOf(steps),
    );
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: {
        answer: [
          { text: 'A lease holds for thirty seconds.', citation: { source: join(folder, 'leases.md'), line: 5 } },
        ],
        unanswered: ['who feeds the cat?'],
      },
    });
    expect(steps.map(({ message }) => message)).toContain('searching part 2 of 2, round 1 of 2');
  });
});
