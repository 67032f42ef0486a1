import { type Document, documentFrom } from '@warren/sources';
import type { FetchedSource } from './fetch-sources.js';
import { type PassedOver, passOver } from './passed-over.js';
import { type Researched, type ResearchOptions, type ResearchStep, researchDocuments } from './research-documents.js';

/** What a thread is given: the sources as they came, and the question. */
export interface ResearchJob extends ResearchOptions {
  readonly sources: readonly FetchedSource[];
}

export interface ResearchJobResult extends Researched {
  /** Sources that were text. 0: nothing could be searched. */
  readonly documents: number;
  readonly passedOver: readonly PassedOver[];
}

/**
 * The part of the work that takes its time and can't be told to stop. A named source that is no readable text fails it;
 * one that a folder held is passed over. Pure but for `onStep`.
 */
export function workResearchJob(
  { sources, ...options }: ResearchJob,
  onStep: (step: ResearchStep) => void,
): ResearchJobResult {
  const documents: Document[] = [];
  const passedOver: PassedOver[] = [];
  for (const [done, { raw, named }] of sources.entries()) {
    onStep({ message: `extracting the text of ${raw.name}`, done, total: sources.length });
    try {
      documents.push(documentFrom(raw));
    } catch (error) {
      passedOver.push(passOver(error, { name: raw.name, named }));
    }
  }
  return { ...researchDocuments(documents, options, onStep), documents: documents.length, passedOver };
}
