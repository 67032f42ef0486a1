/** Brings commits to the disk, for several at a time. */
export interface SharedSync {
  /** Resolves when every commit made before the call survives a power cut. Calls that come together share one flush. */
  sync(): Promise<void>;
  /** Nobody waits for it: begins a sync within {@link forgettableForMs}, unless another one begins before. */
  syncSoon(): void;
  /** No more is begun by itself. */
  end(): void;
}

/** How long a commit may stay off the disk that nobody waits for, in milliseconds. */
export const forgettableForMs = 100;

/**
 * @param flush brings to the disk what was written before it began.
 * @param rewrite after a flush that failed: the system may have marked what it could not write as written, so that the
 * next flush would vouch for what the disk never got. Nothing is answered until everything was written anew.
 */
export function createSharedSync({
  flush,
  rewrite,
}: {
  readonly flush: () => Promise<void>;
  readonly rewrite: () => Promise<void>;
}): SharedSync {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let soon: NodeJS.Timeout | undefined;
  let hasFailed = false;

  return {
    sync,
    syncSoon() {
      soon ??= setTimeout(() => sync().catch(() => undefined), forgettableForMs).unref();
    },
    end: () => clearTimeout(soon),
  };

  function sync(): Promise<void> {
    // It has not begun yet, even where the one before has ended: two beside each other could disagree about a failure.
    if (next) return next;
    if (!running) return start();
    // The one that runs may have begun before the caller's commit.
    next = running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  }

  function start(): Promise<void> {
    clearTimeout(soon);
    soon = undefined;
    const begun = bring().finally(() => {
      if (running === begun) running = undefined;
    });
    running = begun;
    return begun;
  }

  async function bring(): Promise<void> {
    if (hasFailed) await rewrite();
    else await flush().catch(fail);
    hasFailed = false;
  }

  function fail(error: unknown): never {
    hasFailed = true;
    throw error;
  }
}
