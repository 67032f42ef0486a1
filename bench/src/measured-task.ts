import { defineTaskType } from '@warren/tasks';
import { z } from 'zod';

/** The task of every measurement: 300 bytes of input, no work. */
export const measuredTask = defineTaskType({
  name: 'bench',
  summary: 'nothing, as fast as possible',
  input: z.object({ filling: z.string() }),
  result: z.object({ done: z.literal(true) }),
});

export const measuredInput = { filling: 'x'.repeat(284) };

/** Deliveries in hand at the same time. */
export const prefetch = 100;
/** Submissions, or bare publishes, whose answer is awaited at the same time. */
export const publishWindow = 200;
