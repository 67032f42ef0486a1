import { documentFrom, type FormatChoice, type RawSource } from '@warren/sources';
import type { SummarizeResult } from '@warren/tasks';
import type { ThreadStep } from '@warren/threads';
import { type SummarizeOptions, summarizeDocument } from './summarize-document.js';

/** What a thread is given: a source as it came, and what is wanted of it. */
export interface SummarizeJob extends SummarizeOptions {
  readonly source: RawSource;
  readonly format: FormatChoice;
}

/** Steps of a task in all: fetching, extracting, ranking. */
export const summarizeSteps = 3;

/** The part of the work that takes its time and can't be told to stop. Pure but for `onStep`. */
export function workSummarizeJob(
  { source, format, ...options }: SummarizeJob,
  onStep: (step: ThreadStep) => void,
): SummarizeResult {
  onStep({ message: 'extracting the text', done: 1, total: summarizeSteps });
  const document = documentFrom(source, format);
  return summarizeDocument(document, options, (message) => onStep({ message, done: 2, total: summarizeSteps }));
}
