import { setTimeout as sleep } from 'node:timers/promises';
import type { PrivateBroker } from './private-broker.js';
import type { ProcessIdentity } from './processes.js';
import { endsInARow, restartWaitMs } from './restart-policy.js';
import { endText, startsAgainText } from './supervised-service.js';

/** `restarting`: it ended by itself and is about to be started again. `failed`: it ended too often and is given up. */
export type SupervisedBrokerState = 'ready' | 'restarting' | 'failed';

/** The stack's private node, started again, as services are, when it ends by itself. */
export class SupervisedBroker {
  readonly #node: PrivateBroker;
  readonly #onChange: () => void;
  readonly #tell: (line: string) => void;
  readonly #stopping = new AbortController();
  #state: SupervisedBrokerState = 'ready';
  #restarts = 0;
  #life: Promise<void> = Promise.resolve();

  constructor(options: {
    /** It runs. */
    node: PrivateBroker;
    onChange: () => void;
    /** Told, a line each, when it ended by itself, when it was started again, and when it is given up. */
    tell: (line: string) => void;
  }) {
    this.#node = options.node;
    this.#onChange = options.onChange;
    this.#tell = options.tell;
  }

  get state(): SupervisedBrokerState {
    return this.#state;
  }

  /** Starts since the first one. */
  get restarts(): number {
    return this.#restarts;
  }

  /** `undefined` while no process runs. */
  get identity(): ProcessIdentity | undefined {
    return this.#node.identity;
  }

  get logFile(): string {
    return this.#node.logFile;
  }

  supervise(): void {
    this.#life = this.#supervise();
  }

  /** Resolves when the node is started no more; one that runs goes on. A start that is under way is waited for. */
  async letGo(): Promise<void> {
    this.#stopping.abort();
    await this.#life;
  }

  async #supervise(): Promise<void> {
    let ends = 0;
    for (;;) {
      const startedAt = performance.now();
      const pid = this.#node.pid;
      const ended = await this.#node.ended(this.#stopping.signal);
      if (ended === undefined) return;
      ends = await this.#startAgain(endText('broker', pid, ended), endsInARow(ends, performance.now() - startedAt));
      if (this.#state !== 'ready') return;
    }
  }

  /** Tries until it runs, is given up or let go. Resolves to the ends in a row by then: a start that failed is one more. */
  async #startAgain(what: string, ends: number): Promise<number> {
    const waitMs = restartWaitMs(ends);
    if (waitMs === undefined) {
      this.#tell(`${what}, ${ends} times in a row by now: it is not started again. Its log: ${this.logFile}`);
      this.#become('failed');
      return ends;
    }
    this.#become('restarting');
    this.#tell(`${what}; ${startsAgainText(waitMs)}`);
    await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    if (this.#stopping.signal.aborted) return ends;
    try {
      await this.#node.start();
    } catch (error) {
      return await this.#startAgain(`broker did not start: ${firstLineOf(error)}`, ends + 1);
    }
    this.#restarts += 1;
    this.#tell(`${what}; started again as pid ${this.#node.pid ?? 'unknown'}`);
    this.#become('ready');
    return ends;
  }

  #become(state: SupervisedBrokerState): void {
    this.#state = state;
    this.#onChange();
  }
}

function firstLineOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
  return line;
}
