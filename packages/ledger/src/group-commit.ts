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

interface Waiting<Operation> {
  readonly operation: Operation;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export function createGroupCommit<Operation>(options: {
  /** Commits a batch, all or nothing. */
  readonly commit: (batch: readonly Operation[]) => Promise<void>;
  /** Whether a failure is the whole database's: then nothing of the batch is tried one by one. */
  readonly isCommon: (error: unknown) => boolean;
  readonly maxBatch: number;
}): GroupCommit<Operation> {
  const waiting: Waiting<Operation>[] = [];
  let running: Promise<void> | undefined;

  return {
    submit: (operation) =>
      new Promise((resolve, reject) => {
        waiting.push({ operation, resolve, reject });
        running ??= drain();
      }),
    idle: async () => {
      while (running) await running;
    },
  };

  async function drain(): Promise<void> {
    // One turn of the event loop, so that everything which the same batch of deliveries caused joins the first commit.
    await new Promise(setImmediate);
    while (waiting.length > 0) await commitBatch(waiting.splice(0, options.maxBatch));
    // In the same turn as the last look at `waiting`: an operation submitted a moment later must start a new drain.
    running = undefined;
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
