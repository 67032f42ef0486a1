import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Delivery } from './consumer.js';

/** How long a delivery that met an unforeseen error is kept before it goes back, in milliseconds. */
const giveBackAfterMs = 1_000;

/** The deliveries that a service works at the moment. */
export interface InHand {
  readonly size: number;
  /**
   * Works a delivery to its end. Never rejects: what `work` did not foresee (a message that could not be put back, a
   * defect) is logged, and the delivery goes back to its queue a second later, or with its channel where that ends before.
   */
  keep(delivery: Delivery, work: () => Promise<void>): Promise<void>;
  /** Resolves when nothing is in hand any more, or `ms` later. */
  emptyWithin(ms: number): Promise<void>;
}

/** @param stop once it is aborted, nothing is given back any more: the channel's end does. */
export function createInHand({ stop, log }: { readonly stop: AbortSignal; readonly log: Logger }): InHand {
  // One listener a delivery that is being given back: from eleven on Node would warn of a leak.
  setMaxListeners(0, stop);
  const underWay = new Set<Promise<void>>();

  return {
    get size() {
      return underWay.size;
    },
    async keep(delivery, work) {
      const way = work().catch((error: unknown) => giveBack(delivery, error));
      underWay.add(way);
      await way;
      underWay.delete(way);
    },
    async emptyWithin(ms) {
      const timer = new AbortController();
      await Promise.race([
        Promise.all(underWay),
        sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined),
      ]);
      timer.abort();
    },
  };

  /**
   * The ledger has whatever was committed, so the message may come again; the wait keeps it from coming again at once,
   * over and over. Kept unsettled instead, it would take up a place of the prefetch for ever.
   */
  async function giveBack(delivery: Delivery, error: unknown): Promise<void> {
    if (stop.aborted || delivery.isLost) return;
    log.error({ err: error, messageId: delivery.properties.messageId }, 'a delivery goes back to its queue');
    await sleep(giveBackAfterMs, undefined, { signal: stop }).catch(() => undefined);
    if (!stop.aborted && !delivery.isLost) delivery.requeue();
  }
}
