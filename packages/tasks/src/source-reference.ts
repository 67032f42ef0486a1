import { z } from 'zod';

/** Where a task's text is. The worker reads it, never the submitter; what may be read is the worker's configuration. */
export const sourceReference = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file'), path: z.string().min(1).max(4_096) }),
  z.strictObject({ kind: z.literal('url'), url: z.url({ protocol: /^https?$/ }).max(4_096) }),
]);

export type SourceReference = z.infer<typeof sourceReference>;
