import { setTimeout as sleep } from 'node:timers/promises';
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

/** How long to wait after a wait that broke with an error of its own, in milliseconds. */
const againAfterMs = 250;

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
      tellAll('pause');
      await untilBack();
      log.info('the ledger is back');
    } finally {
      recovery = undefined;
      if (!draining()) tellAll('resume');
    }
  }

  /**
   * Not waited for: on a connection that the broker blocks, the answer may come late or never, and those who ask need the
   * ledger alone. A consumer keeps the order in which it is told.
   */
  function tellAll(what: 'pause' | 'resume'): void {
    for (const consumer of consumers()) {
      consumer[what]().catch((error: unknown) => log.warn({ err: error }, `a consumer did not ${what}`));
    }
  }

  /** Whatever goes wrong while the ledger is away, giving up would leave the consumers paused for good. */
  async function untilBack(): Promise<void> {
    for (;;) {
      try {
        await ledger.untilAvailable(signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        log.warn({ err: error }, 'the ledger is still away');
        await sleep(againAfterMs, undefined, { signal });
      }
    }
  }
}
