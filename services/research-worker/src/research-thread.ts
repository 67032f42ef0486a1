import { engineThread } from '@warren/engine';
import type { Document } from '@warren/sources';
import { type Researched, type ResearchOptions, researchDocuments } from './research-documents.js';

export interface ResearchJob extends ResearchOptions {
  readonly documents: readonly Document[];
}

export default engineThread<ResearchJob, Researched>(({ documents, ...options }, onStep) =>
  researchDocuments(documents, options, onStep),
);
