import {
  type BrokerConnection,
  consumeRole,
  consumingWithinMs,
  createInHand,
  createLedgerPatience,
  createTurns,
  type Delivery,
  defaultDrainMs,
} from '@warren/broker';
import type { Ledger } from '@warren/ledger';
import { queueNames } from '@warren/topology';
import type { LetterQueue } from './met-letter.js';
import { parkRaw } from './park-raw.js';
import { type Meeting, type ProcessorParts, processLetter } from './processor.js';

export interface LetterConsumersParts extends Omit<ProcessorParts, 'ledger'> {
  readonly ledger: ProcessorParts['ledger'] & Pick<Ledger, 'untilAvailable'>;
  readonly connection: BrokerConnection;
  readonly queuesOf: (role: string) => Promise<readonly string[]>;
  /** Letters of each queue in hand at the same time. */
  readonly prefetch: number;
  /** How long both queues may take to be consumed, in milliseconds. Default {@link consumingWithinMs}. */
  readonly readyWithinMs?: number;
}

export interface LetterConsumers {
  /** Resolves once both queues are consumed; rejects when one is not in time, or is stopped before. */
  readonly ready: Promise<void>;
  /**
   * Takes nothing new; the letters in hand have `drainMs` milliseconds to come to their end (default {@link defaultDrainMs}), those that
   * don't go back to their queue. While the ledger is away they go back at once.
   */
  stop(drainMs?: number): Promise<void>;
}

/**
 * Empties the queues of dead and of unroutable letters. A letter that comes again is dealt with alone: whoever had it
 * before may have died of it, and then it takes no other letter along; or its first delivery is still in hand here, and
 * then it finds that one done.
 */
export function consumeLetters(parts: LetterConsumersParts): LetterConsumers {
  const { connection, ledger, log, prefetch, queuesOf, readyWithinMs = consumingWithinMs } = parts;
  const stopping = new AbortController();
  const turns = createTurns();
  const inHand = createInHand({ stop: stopping.signal, log });

  const consumers = [queueNames.deadLetters, queueNames.unroutable].map((role) =>
    consumeRole(connection, {
      queues: () => queuesOf(role),
      share: (loads) => loads.map(() => prefetch),
      log,
      onDelivery: (delivery) =>
        inHand.keep(delivery, () => turns[delivery.redelivered ? 'alone' : 'beside'](() => takeTurn(delivery, role))),
    }),
  );

  const patience = createLedgerPatience({
    ledger,
    consumers: () => consumers,
    signal: stopping.signal,
    draining: () => stopping.signal.aborted,
    log,
  });

  const ready = Promise.all(consumers.map((consumer) => consumer.untilConsuming(readyWithinMs))).then(() => undefined);
  // Who is not interested in it need not be told twice: the consumers log why they do not consume.
  ready.catch(() => undefined);

  return {
    ready,
    async stop(drainMs = defaultDrainMs) {
      stopping.abort();
      await Promise.all(consumers.map((consumer) => consumer.pause()));
      await inHand.emptyWithin(drainMs);
      await Promise.all(consumers.map((consumer) => consumer.cancel()));
    },
  };

  async function takeTurn(delivery: Delivery, queue: LetterQueue): Promise<void> {
    // Left unsettled, it goes back to its queue; one whose channel is gone has gone back already.
    if (stopping.signal.aborted || delivery.isLost) return;
    try {
      const meeting: Meeting = { letter: undefined };
      await patience.ask(() => processLetter(delivery, queue, parts, meeting));
    } catch (error) {
      if (!stopping.signal.aborted) await keepWhatBroke(delivery, queue, error);
    }
  }

  /**
   * A defect of ours must not hold up the letters behind it. The message is kept whole, for a person; if it was about a
   * task, that one is still `dead-lettered` in the ledger, and the sweeper publishes its letter again, but not for ever.
   * Throws where it can't be kept either: then it goes back to its queue, a while later.
   */
  async function keepWhatBroke(delivery: Delivery, queue: LetterQueue, error: unknown): Promise<void> {
    const { content: body, properties, routingKey } = delivery;
    log.error({ err: error, messageId: properties.messageId }, 'a letter could not be processed: it is kept raw');
    const reason = `it could not be processed: ${error instanceof Error ? error.message : String(error)}`;
    const facts = { body, properties, routingKey, sourceQueue: queue, code: 'unknown', reason } as const;
    await patience.ask(() => parkRaw(parts, facts));
    delivery.ack();
  }
}
