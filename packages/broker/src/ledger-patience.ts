import { type Ledger, LedgerUnavailable } from '@warren/ledger';
import type { Logger } from 'pino';
import type { Consumer } from './consumer.js';

/**
 * Asks the ledger until it answers. While it is away nothing new is consumed, and what is in hand is kept: requeued
 * messages would only come back at once, over and over.
 */
export interface LedgerPatience {
  /** Rejects only with an error of the call itself, or when `signal` aborts while the ledger is away. */
  ask<Answer>(call: () => Promise<Answer>): Promise<Answer>;
}

export function createLedgerPatience(parts: {
  readonly ledger: Pick<Ledger, 'untilAvailable'>;
  /** Whose deliveries need the ledger; asked for when it goes away. */
  readonly consumers: () => readonly Pick<Consumer, 'pause' | 'resume'>[];
  readonly signal: AbortSignal;
  /** True once nothing new is to be consumed, whatever the ledger does. */
  readonly draining: () => boolean;
  readonly log: Logger;
}): LedgerPatience {
  const { consumers, draining, ledger, log, signal } = parts;
  let recovery: Promise<void> | undefined;

  return {
    async ask(call) {
      for (;;) {
        try {
          return await call();
        } catch (error) {
          if (!(error instanceof LedgerUnavailable)) throw error;
          recovery ??= recover(error);
          await recovery;
        }
      }
    },
  };

  async function recover(error: LedgerUnavailable): Promise<void> {
    log.warn({ err: error }, 'the ledger is away: nothing is consumed until it is back');
    try {
      await Promise.all(consumers().map((consumer) => consumer.pause()));
      await ledger.untilAvailable(signal);
      if (!draining()) await Promise.all(consumers().map((consumer) => consumer.resume()));
      log.info('the ledger is back');
    } finally {
      recovery = undefined;
    }
  }
}
