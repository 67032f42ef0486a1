import type { RawSource, SourceReader } from '@warren/sources';
import { type SourceReference, type SummarizeInput, type SummarizeResult, TaskFailure } from '@warren/tasks';
import { createThreadPool, type ThreadPool } from '@warren/threads';
import { completed, type Handler, type HandlerContext } from '@warren/worker';
import { type SummarizeJob, summarizeSteps } from './summarize-job.js';

export type SummarizeThreads = ThreadPool<SummarizeJob, SummarizeResult>;

/** `threads` texts at the same time. Close it when the worker has drained. */
export function createSummarizeThreads({ threads }: { threads: number }): SummarizeThreads {
  return createThreadPool({ file: new URL('./summarize-thread.js', import.meta.url), threads });
}

/**
 * Works `summarize` tasks: fetches the source here, extracts and ranks its text in a thread. Fails with `invalid-input`
 * where there is no sentence to choose, and as reader and extraction fail (`not-found`, `policy-violation`,
 * `network`, ...). Cost: `bytesRead`, `sentences`, `workMs`.
 */
export function createSummarizeHandler(given: {
  reader: Pick<SourceReader, 'fetch'>;
  threads: Pick<SummarizeThreads, 'run'>;
}): Handler<SummarizeInput, SummarizeResult> {
  return async (input, context) => {
    const { format, length, keywords } = input;
    const source = await fetchInput(input, given.reader, context);
    const { result, workMs } = await given.threads.run(
      { source, format, length, keywords },
      {
        signal: context.signal,
        onStep: (step) => context.progress(step),
        transfer: source.kind === 'text' ? [] : [source.bytes.buffer],
      },
    );
    const { bytes, sentences } = result.source;
    if (sentences === 0) throw withoutSentences(input, bytes);
    const message = `chose ${result.sentences.length} of ${sentences} ${sentences === 1 ? 'sentence' : 'sentences'}`;
    context.progress({ message, done: summarizeSteps, total: summarizeSteps });
    return completed(result, { bytesRead: bytes, sentences, workMs });
  };
}

async function fetchInput(
  { source, text = '' }: SummarizeInput,
  reader: Pick<SourceReader, 'fetch'>,
  { signal, progress }: HandlerContext,
): Promise<RawSource> {
  if (source === undefined) return { kind: 'text', text };
  progress({ message: `reading ${nameOf(source)}`, done: 0, total: summarizeSteps });
  return reader.fetch(source, { signal });
}

function withoutSentences({ source }: SummarizeInput, bytes: number): TaskFailure {
  const what = source === undefined ? '"text"' : `"source" (${nameOf(source)})`;
  const found =
    bytes === 0
      ? 'is empty'
      : `holds no sentence: its ${bytes} bytes are white space, headings, code, tables or symbols alone`;
  return new TaskFailure('invalid-input', `The task's ${what} ${found}. Submit a text with at least one sentence.`);
}

function nameOf(source: SourceReference): string {
  return source.kind === 'file' ? source.path : source.url;
}
