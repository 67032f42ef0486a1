import { z } from 'zod';
import { sourceReference } from './source-reference.js';
import { defineTaskType } from './task-type.js';

/** Wanted length of a summary, in sentences. */
export const summaryLengths = { short: 3, medium: 6, long: 12 } as const;

/** `summarize`: one text, given directly or by reference, is reduced to its most telling sentences. */
export const summarizeInput = z
  .strictObject({
    /** The text itself. */
    text: z.string().min(1).max(500_000).optional(),
    /** Where to read it: exactly one of `text` and `source`. */
    source: sourceReference.optional(),
    format: z.enum(['auto', 'plain', 'markdown', 'html']).default('auto'),
    /** `short` 3, `medium` 6, `long` 12 sentences, or a number of sentences. */
    length: z.union([z.enum(['short', 'medium', 'long']), z.number().int().min(1).max(50)]).default('medium'),
    keywords: z.number().int().min(0).max(50).default(8),
  })
  .refine((input) => (input.text === undefined) !== (input.source === undefined), {
    message: 'give exactly one of "text" and "source"',
    path: ['text'],
    // For who names these fields otherwise: the command line has flags for them.
    params: { oneOf: ['text', 'source'] },
  });

export const summarizeResult = z.object({
  title: z.string().nullable(),
  summary: z.string(),
  /** The chosen sentences in their order in the text. `start` and `end` are UTF-16 offsets into the extracted text; lines count from 1. */
  sentences: z.array(
    z.object({
      text: z.string(),
      start: z.number().int(),
      end: z.number().int(),
      line: z.number().int(),
      score: z.number(),
    }),
  ),
  keywords: z.array(z.object({ word: z.string(), score: z.number() })),
  headings: z.array(z.object({ level: z.number().int(), text: z.string() })),
  source: z.object({
    kind: z.enum(['text', 'file', 'url']),
    name: z.string(),
    bytes: z.number().int(),
    sentences: z.number().int(),
  }),
});

export type SummarizeInput = z.infer<typeof summarizeInput>;
export type SummarizeResult = z.infer<typeof summarizeResult>;

export const summarize = defineTaskType({
  name: 'summarize',
  summary: 'reduce a text, a file or a page to its most telling sentences',
  input: summarizeInput,
  result: summarizeResult,
  policy: { attemptTimeoutMs: 60_000 },
});
