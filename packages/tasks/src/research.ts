import { z } from 'zod';
import { sourceReference } from './source-reference.js';
import { defineTaskType } from './task-type.js';

/** `research`: a question is answered from given sources; every sentence of the answer cites file and line. */
export const researchInput = z.strictObject({
  question: z.string().min(3).max(2_000),
  /** Files, folders (searched recursively) and URLs. */
  sources: z.array(sourceReference).min(1).max(50),
  /** How many rounds of reading: 1 reads the best passages, each further one follows terms found in the round before. */
  depth: z.number().int().min(1).max(5).default(2),
  /** Sentences in the answer, at most. */
  sentences: z.number().int().min(1).max(30).default(8),
});

export const citation = z.object({ source: z.string(), line: z.number().int().min(1) });

export const researchResult = z.object({
  question: z.string(),
  /** The parts the question was split into, each with the number of passages found for it. */
  parts: z.array(z.object({ question: z.string(), passages: z.number().int() })),
  answer: z.array(z.object({ text: z.string(), citation })),
  /** Parts of the question for which the sources hold nothing. */
  unanswered: z.array(z.string()),
  sources: z.array(z.object({ name: z.string(), passages: z.number().int() })),
});

export type ResearchInput = z.infer<typeof researchInput>;
export type ResearchResult = z.infer<typeof researchResult>;

export const research = defineTaskType({
  name: 'research',
  summary: 'answer a question from given sources, citing file and line',
  input: researchInput,
  result: researchResult,
  policy: { attemptTimeoutMs: 5 * 60_000, concurrency: 2, maxAttempts: 4 },
});
