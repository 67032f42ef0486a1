import type { SourceReader } from '@warren/sources';
import { type ResearchInput, type ResearchResult, TaskFailure } from '@warren/tasks';
import { createThreadPool, type ThreadPool } from '@warren/threads';
import { completed, type Handler } from '@warren/worker';
import { defaultFetchLimits, type FetchLimits, fetchSources, nameOf } from './fetch-sources.js';
import { logPassedOver } from './passed-over.js';
import type { ResearchJob, ResearchJobResult } from './research-job.js';

export type ResearchThreads = ThreadPool<ResearchJob, ResearchJobResult>;

/** `threads` questions at the same time. Close it when the worker has drained. */
export function createResearchThreads({ threads }: { threads: number }): ResearchThreads {
  return createThreadPool({ file: new URL('./research-thread.js', import.meta.url), threads });
}

/**
 * Works `research` tasks: fetches the sources here, extracts and searches their text in a thread. A question that the
 * sources hold nothing on is completed with that part in `unanswered`; sources without a text fail with `not-found`,
 * without one sentence with `invalid-input`. Cost: `bytesRead`, `documents`, `passages`, `workMs`.
 */
export function createResearchHandler(given: {
  reader: SourceReader;
  threads: Pick<ResearchThreads, 'run'>;
  limits?: Partial<FetchLimits>;
}): Handler<ResearchInput, ResearchResult> {
  const limits = { ...defaultFetchLimits, ...given.limits };
  return async (input, context) => {
    const { question, depth, sentences } = input;
    const sources = await fetchSources(input.sources, given.reader, context, limits);
    // Counted here: once they are transferred they are empty.
    const bytesRead = sources.reduce((sum, { raw }) => sum + raw.bytes.length, 0);
    const { result, workMs } = await given.threads.run(
      { sources, question, depth, sentences },
      {
        signal: context.signal,
        onStep: (step) => context.progress(step),
        transfer: sources.map(({ raw }) => raw.bytes.buffer),
      },
    );
    for (const file of result.passedOver) logPassedOver(context.log, file);
    const { documents, passages } = result;
    if (documents === 0) throw withoutText(input);
    if (passages === 0) throw withoutSentences(input);
    return completed(result.result, { bytesRead, documents, passages, workMs });
  };
}

function withoutText({ sources }: ResearchInput): TaskFailure {
  const names = sources.map(nameOf).join(', ');
  return new TaskFailure('not-found', `No text file is in ${names}. Name a folder or file that holds text.`);
}

function withoutSentences({ sources }: ResearchInput): TaskFailure {
  const names = sources.map(nameOf).join(', ');
  return new TaskFailure(
    'invalid-input',
    `"sources" (${names}) hold no sentence: they are empty, or headings, code and tables alone. Name sources with running text.`,
  );
}
