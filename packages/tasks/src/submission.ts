import { z } from 'zod';
import { maxPriority } from './priority.js';

/** A short name: printable, so that it fits a header, a log line and a column of any database. */
const name = (maxChars: number) =>
  z
    .string()
    .min(1)
    .max(maxChars)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'holds control characters');

/** A name that travels as one of AMQP's short strings, whose length is one byte: it counts bytes, not characters. */
const shortString = name(255).refine((text) => Buffer.byteLength(text) <= 255, 'takes more than 255 bytes');

/** The longest delay and the farthest deadline that are taken: one year. Beyond it a typing error is likelier than a wish. */
export const maxScheduleMs = 366 * 24 * 60 * 60 * 1_000;

/** What a submitter may say besides type and input. All optional. */
export const submissionOptions = z.strictObject({
  /** 0-9; the type's default class when missing. */
  priority: z.number().int().min(0).max(maxPriority).optional(),
  /** Not before this many milliseconds from now. */
  delayMs: z.number().int().min(0).max(maxScheduleMs).optional(),
  /** How long it may wait in its queue, in milliseconds, before it is parked as `expired`. */
  expiresMs: z.number().int().min(1).max(maxScheduleMs).optional(),
  /** Absolute, epoch milliseconds: not worked after it. */
  deadline: z.number().int().min(0).max(8_640_000_000_000_000).optional(),
  /** The same key twice gives the same task; with another input it is an error. Scoped to the tenant. */
  idempotencyKey: name(255).optional(),
  tenant: name(128).optional(),
  group: name(128).optional(),
  entities: z.array(name(128)).max(16).optional(),
  correlationId: shortString.optional(),
  replyTo: shortString.optional(),
  traceparent: z
    .string()
    .regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, 'is not a W3C traceparent')
    .optional(),
});

export type SubmissionOptions = z.infer<typeof submissionOptions>;
