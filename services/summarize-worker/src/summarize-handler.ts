import { createEnginePool, type EnginePool } from '@warren/engine';
import type { SourceReader } from '@warren/sources';
import { type SourceReference, type SummarizeInput, type SummarizeResult, TaskFailure } from '@warren/tasks';
import { completed, type Handler, type HandlerContext } from '@warren/worker';
import type { SummarizeJob } from './summarize-thread.js';

export type SummarizeEngine = EnginePool<SummarizeJob, SummarizeResult>;

/** The engine in threads: `threads` texts at the same time. Close it when the worker has drained. */
export function createSummarizeEngine({ threads }: { threads: number }): SummarizeEngine {
  return createEnginePool({ file: new URL('./summarize-thread.js', import.meta.url), threads });
}

/**
 * Works `summarize` tasks: reads the source, ranks it in a thread. Fails with `invalid-input` where there is no
 * sentence to choose, and as the reader fails (`not-found`, `policy-violation`, `network`, ...).
 * Cost: `bytesRead`, `sentences`, `engineMs`.
 */
export function createSummarizeHandler(given: {
  reader: Pick<SourceReader, 'read'>;
  engine: Pick<SummarizeEngine, 'run'>;
}): Handler<SummarizeInput, SummarizeResult> {
  return async (input, context) => {
    const of = await readInput(input, given.reader, context);
    const { result, engineMs } = await given.engine.run(
      { of, length: input.length, keywords: input.keywords },
      { signal: context.signal, onStep: (step) => context.progress(step) },
    );
    const { bytes, sentences } = result.source;
    if (sentences === 0) throw withoutSentences(input, bytes);
    context.progress({ message: `chose ${result.sentences.length} of ${sentences} sentences`, done: 2, total: 2 });
    return completed(result, { bytesRead: bytes, sentences, engineMs });
  };
}

async function readInput(
  input: SummarizeInput,
  reader: Pick<SourceReader, 'read'>,
  context: HandlerContext,
): Promise<SummarizeJob['of']> {
  const { source, text = '', format } = input;
  context.progress({ message: `reading ${nameOf(source)}`, done: 0, total: 2 });
  if (source === undefined) return { kind: 'text', text, format };
  const document = await reader.read(source, { signal: context.signal, format });
  return { kind: 'document', document };
}

function withoutSentences(input: SummarizeInput, bytes: number): TaskFailure {
  const what = input.source === undefined ? '"text"' : `"source" (${nameOf(input.source)})`;
  const found =
    bytes === 0
      ? 'is empty'
      : `holds no sentence: its ${bytes} bytes are white space, headings, code, tables or symbols alone`;
  return new TaskFailure('invalid-input', `The task's ${what} ${found}. Submit a text with at least one sentence.`);
}

function nameOf(source: SourceReference | undefined): string {
  if (source === undefined) return 'the text';
  return source.kind === 'file' ? source.path : source.url;
}
