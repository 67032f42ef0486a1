import { engineThread } from '@warren/engine';
import { type Document, documentFromText } from '@warren/sources';
import type { SummarizeInput, SummarizeResult } from '@warren/tasks';
import { type SummarizeOptions, summarizeDocument } from './summarize-document.js';

/** A text that came with the task is parsed in the thread too: HTML takes its time. */
export type SummarizeJob = SummarizeOptions & {
  readonly of:
    | { readonly kind: 'document'; readonly document: Document }
    | { readonly kind: 'text'; readonly text: string; readonly format: SummarizeInput['format'] };
};

export default engineThread<SummarizeJob, SummarizeResult>(({ of, ...options }, onStep) => {
  const document = of.kind === 'document' ? of.document : documentFromText(of.text, of.format);
  return summarizeDocument(document, options, (message) => onStep({ message, done: 1, total: 2 }));
});
