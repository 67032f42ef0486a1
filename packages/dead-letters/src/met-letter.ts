import type { Delivery } from '@warren/broker';
import {
  findTaskType,
  headers,
  isReasonCode,
  parseMessage,
  type ReasonCode,
  type TaskMessage,
  type TaskType,
  type Ticket,
} from '@warren/tasks';
import { queueNames, workQueue } from '@warren/topology';
import { z } from 'zod';
import type { LetterOrigin } from './rules.js';

/** The queues that the processor empties. */
export type LetterQueue = typeof queueNames.deadLetters | typeof queueNames.unroutable;

/** A delivery from one of those queues, read. */
export type MetLetter =
  /** It says which dispatch of which task it is about. Whether that is true is the ledger's to say. */
  | {
      readonly kind: 'task';
      readonly origin: LetterOrigin;
      readonly message: TaskMessage;
      readonly ticket: Ticket;
      readonly code: ReasonCode;
      readonly reason: string;
      readonly sourceQueue: string;
    }
  /** It says no task: it is kept as it is. */
  | {
      readonly kind: 'raw';
      readonly code: ReasonCode;
      readonly reason: string;
      readonly sourceQueue: string;
    };

/** Never throws: what can't be read is `raw`, with the reason. */
export function readLetter(
  delivery: Pick<Delivery, 'content' | 'properties' | 'routingKey'>,
  queue: LetterQueue,
  types: readonly TaskType[],
): MetLetter {
  const given = delivery.properties.headers ?? {};
  const expiredSubmission = readExpiredSubmission(given);
  if (expiredSubmission) return expiredSubmission;
  // The key's first word is a type, except behind a delay, where the key begins with the delay's digits.
  const addressedTo = findTaskType(delivery.routingKey.split('.')[0] ?? '', types)?.name;
  const parsed = parseMessage({ body: delivery.content, addressedTo, properties: delivery.properties }, types);
  if (parsed.kind === 'defect') {
    const { code, field, message } = parsed.defect;
    return { kind: 'raw', code, reason: `${field}: ${message}`, sourceQueue: sourceOf(given, queue, addressedTo) };
  }
  const { message } = parsed;
  const sourceQueue = sourceOf(given, queue, message.type.name);
  if (!message.ticket) {
    return { kind: 'raw', code: 'invalid-state', reason: 'it names no dispatch of its task', sourceQueue };
  }
  return { kind: 'task', message, ticket: message.ticket, sourceQueue, ...cause(given, queue, sourceQueue) };
}

/**
 * A foreign message that expired before it was taken in. It speaks for itself alone: whatever headers of Warren's it
 * carries, its sender wrote them, and no task may be moved on their word.
 */
function readExpiredSubmission(given: Readonly<Record<string, unknown>>): MetLetter | undefined {
  const [newest] = deaths(given);
  if (newest?.queue !== queueNames.submitted) return undefined;
  return {
    kind: 'raw',
    code: newest.reason === 'expired' ? 'expired' : 'unknown',
    reason: `it left queue "${newest.queue}" before it was taken in: ${newest.reason}`,
    sourceQueue: newest.queue,
  };
}

function cause(
  given: Readonly<Record<string, unknown>>,
  queue: LetterQueue,
  sourceQueue: string,
): { origin: LetterOrigin; code: ReasonCode; reason: string } {
  if (queue === queueNames.unroutable) {
    return { origin: 'unroutable', code: 'unroutable', reason: 'no queue is bound for its routing key' };
  }
  const code = given[headers.reasonCode];
  if (code !== undefined) {
    return {
      origin: 'failed',
      code: isReasonCode(code) ? code : 'unknown',
      reason: typeof given[headers.error] === 'string' ? String(given[headers.error]) : '',
    };
  }
  const death = deathIn(given, sourceQueue);
  return death === 'expired'
    ? { origin: 'expired', code: 'expired', reason: `its time in queue "${sourceQueue}" ran out` }
    : {
        origin: 'rejected',
        code: 'unknown',
        reason: `the broker dead-lettered it from queue "${sourceQueue}": ${death}`,
      };
}

/** The queue from which a letter came to be one. */
function sourceOf(given: Readonly<Record<string, unknown>>, queue: LetterQueue, type: string | undefined): string {
  if (queue === queueNames.unroutable) return queue;
  if (type !== undefined) return workQueue(type);
  return deaths(given)[0]?.queue ?? queue;
}

/**
 * Why the broker took a message out of its work queue. The list is asked and not `x-first-death-reason`: a message that
 * came through the delay ladder has died there first, as `expired`.
 */
function deathIn(given: Readonly<Record<string, unknown>>, queue: string): string {
  return deaths(given).find((death) => death.queue === queue)?.reason ?? 'no reason given';
}

const deathList = z.array(z.object({ queue: z.string(), reason: z.string() }));

/** `x-death`, newest first. */
function deaths(given: Readonly<Record<string, unknown>>): z.infer<typeof deathList> {
  const parsed = deathList.safeParse(given['x-death']);
  return parsed.success ? parsed.data : [];
}
