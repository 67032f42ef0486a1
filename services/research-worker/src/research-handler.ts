import { createEnginePool, type EnginePool } from '@warren/engine';
import type { SourceReader } from '@warren/sources';
import { type ResearchInput, type ResearchResult, TaskFailure } from '@warren/tasks';
import { completed, type Handler } from '@warren/worker';
import { defaultReadLimits, nameOf, type ReadLimits, readSources } from './read-sources.js';
import type { Researched } from './research-documents.js';
import type { ResearchJob } from './research-thread.js';

export type ResearchEngine = EnginePool<ResearchJob, Researched>;

/** The engine in threads: `threads` questions at the same time. Close it when the worker has drained. */
export function createResearchEngine({ threads }: { threads: number }): ResearchEngine {
  return createEnginePool({ file: new URL('./research-thread.js', import.meta.url), threads });
}

/**
 * Works `research` tasks: reads the sources, searches them in a thread. A question that the sources hold nothing on is
 * completed with that part in `unanswered`; sources without one sentence fail with `invalid-input`.
 * Cost: `bytesRead`, `documents`, `passages`, `engineMs`.
 */
export function createResearchHandler(given: {
  reader: SourceReader;
  engine: Pick<ResearchEngine, 'run'>;
  limits?: Partial<ReadLimits>;
}): Handler<ResearchInput, ResearchResult> {
  const limits = { ...defaultReadLimits, ...given.limits };
  return async (input, context) => {
    const { question, depth, sentences } = input;
    const documents = await readSources(input.sources, given.reader, context, limits);
    const { result, engineMs } = await given.engine.run(
      { documents, question, depth, sentences },
      { signal: context.signal, onStep: (step) => context.progress(step) },
    );
    if (result.passages === 0) throw withoutSentences(input);
    const bytesRead = documents.reduce((sum, { bytes }) => sum + bytes, 0);
    return completed(result.result, { bytesRead, documents: documents.length, passages: result.passages, engineMs });
  };
}

function withoutSentences({ sources }: ResearchInput): TaskFailure {
  const names = sources.map(nameOf).join(', ');
  return new TaskFailure(
    'invalid-input',
    `"sources" (${names}) hold no sentence: they are empty, or headings, code and tables alone. Name sources with running text.`,
  );
}
