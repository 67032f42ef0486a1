/** Lets pieces of work go side by side, or one of them alone. In the order in which they come: nobody overtakes. */
export interface Turns {
  /** Settles as the work does. */
  beside<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Waits for all that came before; whatever comes after waits for it. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Settles when all that has come so far is done. Never rejects. */
  idle(): Promise<void>;
}

export function createTurns(): Turns {
  const underWay = new Set<Promise<unknown>>();
  let lastAlone: Promise<unknown> = Promise.resolve();

  return {
    beside: (work) => follow(lastAlone, work),
    alone(work) {
      const done = follow(Promise.allSettled([...underWay]), work);
      lastAlone = done.catch(() => undefined);
      return done;
    },
    idle: async () => {
      await Promise.allSettled([...underWay]);
    },
  };

  function follow<Result>(before: Promise<unknown>, work: () => Promise<Result>): Promise<Result> {
    const done = before.then(work);
    underWay.add(done);
    const leave = () => underWay.delete(done);
    done.then(leave, leave);
    return done;
  }
}
