import type { Consumer } from '@warren/broker';
import { type Ledger, LedgerUnavailable } from '@warren/ledger';
import type { Logger } from 'pino';

/**
 * Asks the ledger until it answers. While it is away nothing new is consumed, and what is in hand is kept: requeued
 * messages would only come back at once, over and over.
 */
export interface LedgerPatience {
  /** Rejects only with an error of the call itself, or when `signal` aborts while the ledger is away. */
  ask<Answer>(call: () => Promise<Answer>): Promise<Answer>;
}

export function createLedgerPatience(parts: {
  readonly ledger: Pick<Ledger, 'label' | 'untilAvailable'>;
  readonly consumer: () => Pick<Consumer, 'pause' | 'resume'>;
  readonly signal: AbortSignal;
  readonly draining: () => boolean;
  readonly log: Logger;
}): LedgerPatience {
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
    parts.log.warn({ err: error }, 'the ledger is away: nothing is consumed until it is back');
    try {
      await parts.consumer().pause();
      await parts.ledger.untilAvailable(parts.signal);
      if (!parts.draining()) await parts.consumer().resume();
      parts.log.info('the ledger is back');
    } finally {
      recovery = undefined;
    }
  }
}
