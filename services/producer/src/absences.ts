import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerConnection } from '@warren/broker';
import { formatRoughly } from '@warren/cli';
import { LedgerUnavailable } from '@warren/ledger';

/** How long a command that follows tasks waits for what it stands on. */
export interface Patience {
  /** How long broker or ledger may be away before the command ends, in milliseconds. */
  readonly absenceLimitMs: number;
  /** How long the ledger may take to answer before the person is told that it is silent, in milliseconds. */
  readonly silentAfterMs: number;
}

export const defaultPatience: Patience = { absenceLimitMs: 10 * 60_000, silentAfterMs: 8_000 };

/** Tells once that something went away, and once that it is back, however often either is noticed. */
export class Presence {
  readonly #name: string;
  readonly #tell: (line: string) => void;
  #absence: { readonly what: string; readonly since: number; isExplained: boolean } | undefined;

  constructor(name: 'the broker' | 'the ledger', tell: (line: string) => void) {
    this.#name = name;
    this.#tell = tell;
  }

  /** @param what happened, as in `the broker went away (ECONNRESET)`. */
  away(what: string): void {
    if (this.#absence !== undefined) return;
    this.#absence = { what, since: performance.now(), isExplained: false };
    this.#tell(`${what}; waiting until it is back`);
  }

  back(): void {
    if (this.#absence !== undefined) this.#tell(`${this.#name} is back`);
    this.#absence = undefined;
  }

  /** Tells, once an absence, what is known of its cause by now. */
  explain(cause: () => string | undefined): void {
    if (this.#absence === undefined || this.#absence.isExplained) return;
    const line = cause();
    if (line === undefined) return;
    this.#absence.isExplained = true;
    this.#tell(line);
  }

  /** What to say of an absence that has lasted for the limit by now, in milliseconds; undefined where there is none. */
  absenceBeyond(limitMs: number): string | undefined {
    if (this.#absence === undefined) return undefined;
    const { since, what } = this.#absence;
    const ms = performance.now() - since;
    return ms < limitMs ? undefined : `${what}; it has been away for ${formatRoughly(ms)}`;
  }
}

/** Tells when the connection is lost and when it is there again, until `end` is called. */
export function watchBroker(connection: BrokerConnection | undefined, tell: (line: string) => void) {
  const presence = new Presence('the broker', tell);
  const onLost = ({ reason }: { readonly reason: string }) => presence.away(`the broker went away (${reason})`);
  const onBack = () => presence.back();
  connection?.events.on('disconnected', onLost).on('connected', onBack);
  if (connection?.connected === false) onLost({ reason: 'no connection' });
  return { presence, end: () => void connection?.events.off('disconnected', onLost).off('connected', onBack) };
}

export interface Asking extends Patience {
  /** Before the ledger is asked again after it did not answer, in milliseconds. */
  readonly pauseMs: number;
  /** Ends the asking, also while the ledger is silent: it rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** What is thrown when the ledger stays away for too long. */
  readonly givenUp: (absence: string) => Error;
}

/** Asks the ledger until it answers, and tells of its absence. At its own pace: no event hurries it. */
export async function askPatiently<Answer>(
  ask: () => Promise<Answer>,
  presence: Presence,
  { absenceLimitMs, givenUp, pauseMs, signal, silentAfterMs }: Asking,
): Promise<Answer> {
  for (;;) {
    signal.throwIfAborted();
    const silent = setTimeout(() => {
      presence.away(`the ledger has not answered for ${formatRoughly(silentAfterMs)}`);
    }, silentAfterMs);
    try {
      const answer = await unlessAborted(ask(), signal);
      presence.back();
      return answer;
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error;
      presence.away(error.message);
    } finally {
      clearTimeout(silent);
    }
    const absence = presence.absenceBeyond(absenceLimitMs);
    if (absence !== undefined) throw givenUp(absence);
    await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** `work`, or the reason of a signal that comes meanwhile; nobody waits for `work` then. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let stopListening = () => {};
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    stopListening = () => signal.removeEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    stopListening();
  }
}
