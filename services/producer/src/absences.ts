import type { BrokerConnection } from '@warren/broker';
import { LedgerUnavailable } from '@warren/ledger';

/** Tells once that something went away, and once that it is back, however often either is noticed. */
export class Presence {
  readonly #name: string;
  readonly #tell: (line: string) => void;
  #isAway = false;

  constructor(name: 'the broker' | 'the ledger', tell: (line: string) => void) {
    this.#name = name;
    this.#tell = tell;
  }

  away(line: string): void {
    if (!this.#isAway) this.#tell(line);
    this.#isAway = true;
  }

  back(): void {
    if (this.#isAway) this.#tell(`${this.#name} is back`);
    this.#isAway = false;
  }
}

/** Tells when the connection is lost and when it is there again, until the returned function is called. */
export function tellOfBroker(connection: BrokerConnection | undefined, tell: (line: string) => void): () => void {
  const presence = new Presence('the broker', tell);
  const onLost = ({ reason }: { readonly reason: string }) =>
    presence.away(`the broker went away (${reason}); waiting until it is back`);
  const onBack = () => presence.back();
  connection?.events.on('disconnected', onLost).on('connected', onBack);
  return () => void connection?.events.off('disconnected', onLost).off('connected', onBack);
}

/**
 * Asks the ledger until it answers, and tells of its absence.
 * @param pause waits a while; what it throws ends the asking.
 */
export async function askPatiently<Answer>(
  ask: () => Promise<Answer>,
  presence: Presence,
  pause: () => Promise<void>,
): Promise<Answer> {
  for (;;) {
    try {
      const answer = await ask();
      presence.back();
      return answer;
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error;
      presence.away(`${error.message}; waiting until it is back`);
    }
    await pause();
  }
}
