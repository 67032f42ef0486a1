import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerPatience } from '@warren/broker';
import { type Consumer, type Delivery, type EventPublisher, taskEvent, taskFacts } from '@warren/broker';
import { parkRaw } from '@warren/dead-letters';
import type { Intake, IntakeAnswer, Submission } from '@warren/intake';
import type { Ledger } from '@warren/ledger';
import { type Defect, parseMessage, type TaskMessage, type TaskType, taskTypes } from '@warren/tasks';
import { exchangeNames, queueNames } from '@warren/topology';
import type { Logger } from 'pino';

export interface TakeInParts {
  readonly intake: Intake;
  readonly ledger: Ledger;
  /** Waits for a ledger that is away. */
  readonly patience: LedgerPatience;
  /** Stops new deliveries while the outbox is full. */
  readonly pauses: Pick<Consumer, 'pause' | 'resume'>;
  readonly events: Pick<EventPublisher, 'publish'>;
  readonly types?: readonly TaskType[];
  /** Aborted when the service is to stop: nothing more is waited for. */
  readonly stop: AbortSignal;
  readonly now: () => number;
  readonly log: Logger;
  readonly counts: TakenIn;
}

/** How many messages came to which end since the start. */
export interface TakenIn {
  accepted: number;
  duplicates: number;
  parked: number;
}

/** How long a submission waits before it is tried again while the outbox is full, in milliseconds. */
const outboxRetryMs = 500;

/**
 * The way of a message that somebody else published: parse, submit, ack. The ack comes after a commit: of the task, or of
 * the whole message where it is none. Rejects where the ledger fails for another reason than being away, and where it had to
 * wait for the ledger or for room in the outbox, and the service stopped or the delivery's channel was lost meanwhile; the
 * delivery is then unsettled.
 */
export async function takeIn(delivery: Delivery, parts: TakeInParts): Promise<void> {
  const { properties, content: body } = delivery;
  const parsed = parseMessage({ body, properties, addressedTo: addressOf(delivery) }, parts.types ?? taskTypes);
  if (parsed.kind === 'defect') return park(delivery, parsed.defect, parts);

  const answer = await submitWithRoom(submissionOf(parsed.message), delivery.lost, parts);
  switch (answer.kind) {
    case 'accepted':
      parts.counts.accepted += 1;
      parts.log.info(
        { ...taskFacts(answer.task), to: answer.task.state, published: answer.published },
        'task accepted',
      );
      parts.events.publish(taskEvent(answer.task, parts.now()));
      delivery.ack();
      return;
    case 'duplicate':
      parts.counts.duplicates += 1;
      parts.log.debug(
        { ...taskFacts(answer.task), state: answer.task.state },
        'duplicate acknowledged: its task is on record',
      );
      delivery.ack();
      return;
    case 'rejected':
      return park(delivery, answer.defect, parts);
  }
}

/** The type that the key's first word names. Published past exchange `submit`, a key is the queue's name or says nothing. */
function addressOf({ exchange, routingKey }: Delivery): string | undefined {
  const [word = ''] = routingKey.split('.');
  return exchange !== exchangeNames.submit || word === '' ? undefined : word;
}

/** What a message says of dispatches, attempts and deaths is left out: a stranger starts at the beginning. */
function submissionOf({ taskId, type, payload, options }: TaskMessage): Submission {
  return { type: type.name, input: payload, id: taskId, options };
}

/**
 * Holds the submission while the outbox is full, and takes no other: `submitted` then fills up to its limit, and its
 * publishers are told by a nack.
 */
async function submitWithRoom(submission: Submission, lost: AbortSignal, parts: TakeInParts): Promise<IntakeAnswer> {
  let pausing: Promise<void> | undefined;
  try {
    for (;;) {
      const answer = await parts.patience.ask(() => parts.intake.submit(submission));
      if (!isOverloaded(answer)) return answer;
      if (pausing === undefined)
        parts.log.warn({ task: submission.id, type: submission.type }, 'the outbox is full: nothing is taken in');
      pausing ??= parts.pauses.pause();
      await pausing;
      await sleep(outboxRetryMs, undefined, { signal: parts.stop });
      lost.throwIfAborted();
    }
  } finally {
    if (pausing !== undefined) await parts.pauses.resume();
  }
}

function isOverloaded(answer: IntakeAnswer): boolean {
  return answer.kind === 'rejected' && answer.defect.code === 'overloaded';
}

/** Kept whole in the ledger, then gone from the queue. */
async function park(delivery: Delivery, { code, field, message }: Defect, parts: TakeInParts): Promise<void> {
  const reason = `${field}: ${message}`;
  const { content: body, properties, routingKey } = delivery;
  const letter = await parts.patience.ask(() =>
    parkRaw(parts, { body, properties, routingKey, sourceQueue: queueNames.submitted, code, field, reason }),
  );
  parts.counts.parked += 1;
  parts.log.warn({ letter: letter.id, code, messageId: properties.messageId }, 'message parked: it is no task');
  // What is wrong with a message may quote it.
  parts.log.debug({ letter: letter.id, reason }, 'why the message was parked');
  delivery.ack();
}
