import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Collects operations while a commit is under way and commits them together, so that a hundred tasks cost one fsync.
 * An operation alone is committed at once: nothing waits for company.
 */
export interface GroupCommit<Operation> {
  /** Settles after the commit that holds the operation, or with the reason why it was not committed. */
  submit(operation: Operation): Promise<void>;
  /** Settles when everything submitted so far is settled. */
  idle(): Promise<void>;
}

/**
 * After a batch of this size or more, the next one is waited for, in milliseconds: under load a larger batch costs less than
 * a sooner one, and other processes get their turn at SQLite's one lock.
 */
const busyFrom = 8;
const busyLingerMs = 2;

/**
 * What a batch of the ledger may weigh, in bytes of inputs and results. One that a server ends for taking too long would be
 * asked for again as it was, and never be done.
 */
export const maxBatchBytes = 8 * 1024 * 1024;

interface Waiting<Operation> {
  readonly operation: Operation;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export function createGroupCommit<Operation>(options: {
  /** Commits a batch, all or nothing. */
  readonly commit: (batch: readonly Operation[]) => Promise<void>;
  /** Whether a failure is the whole database's: then nothing of the batch is tried one by one. */
  readonly isCommon: (error: unknown) => boolean;
  readonly maxBatch: number;
  /** What an operation adds to its batch. */
  readonly bytesOf: (operation: Operation) => number;
  /** What the operations of a batch add up to at the most; one that is heavier goes alone. */
  readonly maxBatchBytes: number;
  /** How long an operation waits for company, in milliseconds; 0: for nobody but what comes in the same turn. Default 0. */
  readonly lingerMs?: number;
}): GroupCommit<Operation> {
  const { lingerMs = 0 } = options;
  const waiting: Waiting<Operation>[] = [];
  let hurry = new AbortController();
  let running: Promise<void> | undefined;

  return {
    submit: (operation) =>
      new Promise((resolve, reject) => {
        waiting.push({ operation, bytes: options.bytesOf(operation), resolve, reject });
        running ??= drain();
      }),
    idle: async () => {
      hurry.abort();
      while (running) await running;
      hurry = new AbortController();
    },
  };

  async function drain(): Promise<void> {
    // One turn of the event loop, so that everything which the same batch of deliveries caused joins the first commit.
    if (lingerMs === 0) await new Promise(setImmediate);
    else await sleep(lingerMs, undefined, { signal: hurry.signal }).catch(() => undefined);
    while (waiting.length > 0) {
      const batch = waiting.splice(0, batchSize());
      await commitBatch(batch);
      if (batch.length >= busyFrom) await sleep(busyLingerMs);
    }
    // In the same turn as the last look at `waiting`: an operation submitted a moment later must start a new drain.
    running = undefined;
  }

  function batchSize(): number {
    let bytes = 0;
    const tooMany = waiting.slice(0, options.maxBatch).findIndex((one) => {
      bytes += one.bytes;
      return bytes > options.maxBatchBytes;
    });
    return tooMany === -1 ? options.maxBatch : Math.max(1, tooMany);
  }

  async function commitBatch(batch: readonly Waiting<Operation>[]): Promise<void> {
    try {
      await options.commit(batch.map(({ operation }) => operation));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      if (batch.length === 1 || options.isCommon(error)) for (const { reject } of batch) reject(error);
      // One bad operation must not fail its neighbours: each gets a transaction of its own.
      else for (const one of batch) await commitBatch([one]);
    }
  }
}
