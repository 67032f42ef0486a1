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
import { brokerLetterKey, queueNames, readQueueName, submittedLetterKey, workQueue } from '@warren/topology';
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
      /** The key that it was published with. */
      readonly routingKey: string;
    };

/** Never throws: what can't be read is `raw`, with the reason. */
export function readLetter(
  { content, properties, routingKey }: Pick<Delivery, 'content' | 'properties' | 'routingKey'>,
  queue: LetterQueue,
  types: readonly TaskType[],
): MetLetter {
  const given = properties.headers ?? {};
  if (routingKey === submittedLetterKey) return readExpiredSubmission(given);
  // The key's first word is a type, except behind a delay, where the key begins with the delay's digits.
  const addressedTo = findTaskType(routingKey.split('.')[0] ?? '', types)?.name;
  const parsed = parseMessage({ body: content, addressedTo, properties }, types);
  if (parsed.kind === 'defect') {
    const { code, field, message } = parsed.defect;
    const sourceQueue = sourceOf(given, queue, addressedTo);
    return { kind: 'raw', code, reason: `${field}: ${message}`, sourceQueue, routingKey };
  }
  const { message } = parsed;
  const sourceQueue = sourceOf(given, queue, message.type.name);
  if (!message.ticket) {
    return { kind: 'raw', code: 'invalid-state', reason: 'it names no dispatch of its task', sourceQueue, routingKey };
  }
  const written = routingKey === brokerLetterKey(message.type.name) ? 'broker' : 'worker';
  return { kind: 'task', message, ticket: message.ticket, sourceQueue, ...cause(given, queue, sourceQueue, written) };
}

/**
 * A foreign message that expired before it was taken in. It speaks for itself alone: whatever headers of Warren's it
 * carries, its sender wrote them, and no task may be moved on their word.
 */
function readExpiredSubmission(given: Readonly<Record<string, unknown>>): MetLetter {
  const { submitted } = queueNames;
  const death = deaths(given).find(({ queue }) => hasRole(queue, submitted));
  return {
    kind: 'raw',
    code: death?.reason === 'expired' ? 'expired' : 'unknown',
    reason: `it left queue "${submitted}" before it was taken in: ${death?.reason ?? noReason}`,
    sourceQueue: submitted,
    routingKey: death?.['routing-keys'][0] ?? submittedLetterKey,
  };
}

function cause(
  given: Readonly<Record<string, unknown>>,
  queue: LetterQueue,
  sourceQueue: string,
  written: 'broker' | 'worker',
): { origin: LetterOrigin; code: ReasonCode; reason: string } {
  if (queue === queueNames.unroutable) {
    return { origin: 'unroutable', code: 'unroutable', reason: 'no queue is bound for its routing key' };
  }
  const code = given[headers.reasonCode];
  if (written === 'worker' && code !== undefined) {
    return {
      origin: 'failed',
      code: isReasonCode(code) ? code : 'unknown',
      reason: typeof given[headers.error] === 'string' ? String(given[headers.error]) : '',
    };
  }
  const death = deathIn(given, sourceQueue);
  switch (death) {
    case 'expired':
      return { origin: 'expired', code: 'expired', reason: `its time in queue "${sourceQueue}" ran out` };
    case 'delivery_limit':
      return { origin: 'returned', code: 'unknown', reason: `it came back to queue "${sourceQueue}" too often` };
    default:
      return {
        origin: 'rejected',
        code: 'unknown',
        reason: `the broker dead-lettered it from queue "${sourceQueue}": ${death}`,
      };
  }
}

/** The queue from which a letter came to be one. */
function sourceOf(given: Readonly<Record<string, unknown>>, queue: LetterQueue, type: string | undefined): string {
  if (queue === queueNames.unroutable) return queue;
  const [last] = deaths(given);
  if (type === undefined) return last?.queue ?? queue;
  return deaths(given).find((death) => hasRole(death.queue, workQueue(type)))?.queue ?? workQueue(type);
}

function hasRole(queue: string, role: string): boolean {
  return readQueueName(queue)?.role === role;
}

/**
 * Why the broker took a message out of its work queue. The list is asked and not `x-first-death-reason`: a message that
 * came through the delay ladder has died there first, as `expired`.
 */
function deathIn(given: Readonly<Record<string, unknown>>, queue: string): string {
  return deaths(given).find((death) => death.queue === queue)?.reason ?? noReason;
}

const noReason = 'no reason given';

const deathEntry = z.object({
  queue: z.string(),
  reason: z.string(),
  'routing-keys': z.array(z.string()).catch([]),
});

/** `x-death`, newest first. Entry by entry: behind the broker's own there may be whatever a sender wrote. */
function deaths(given: Readonly<Record<string, unknown>>): readonly z.infer<typeof deathEntry>[] {
  const list = given['x-death'];
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry) => {
    const parsed = deathEntry.safeParse(entry);
    return parsed.success ? [parsed.data] : [];
  });
}
