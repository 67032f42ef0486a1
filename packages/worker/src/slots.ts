/** Lets so many pieces of work run at a time, and chooses by weight between the queues that they came from. */
export interface Slots {
  /**
   * Runs the work when its turn comes, and settles with it. `waited` true: its turn did not come within the time that
   * anything may wait; it is to be given back.
   */
  take(queue: string, work: (waited: boolean) => Promise<void>): Promise<void>;
  /** Runs what waits at once, and whatever comes from now on: for a worker that stops, whose work gives back. */
  open(): void;
}

interface Waiting {
  readonly begin: (waited: boolean) => void;
  readonly timer: NodeJS.Timeout;
}

interface Lane {
  readonly waiting: Set<Waiting>;
  readonly weight: number;
  /** What it is ahead of or behind its share; see `next`. */
  credit: number;
}

/**
 * @param count how many may run at a time.
 * @param weightOf a queue's share where several have some waiting, above 0.
 * @param maxWaitMs how long anything may wait, in milliseconds. The broker's consumer timeout ends the channel of whoever
 * holds a delivery for longer than it says.
 */
export function createSlots(options: {
  readonly count: number;
  readonly weightOf: (queue: string) => number;
  readonly maxWaitMs: number;
}): Slots {
  const { count, weightOf, maxWaitMs } = options;
  const lanes = new Map<string, Lane>();
  let running = 0;
  let isOpen = false;

  return {
    async take(queue, work) {
      const waited = isOpen || running < count ? begin() : await turn(queue);
      try {
        await work(waited);
      } finally {
        running -= 1;
        if (running < count) next()?.begin(false);
      }
    },
    open() {
      isOpen = true;
      for (const { waiting } of lanes.values()) for (const one of waiting) one.begin(false);
    },
  };

  function begin(): false {
    running += 1;
    return false;
  }

  function turn(queue: string): Promise<boolean> {
    const lane = laneOf(queue);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        begin(waited) {
          clearTimeout(timer);
          lane.waiting.delete(waiting);
          // In this turn: whoever comes in the next one finds the slot taken.
          begin();
          resolve(waited);
        },
        timer: setTimeout(() => waiting.begin(true), maxWaitMs).unref(),
      };
      const { timer } = waiting;
      lane.waiting.add(waiting);
    });
  }

  /**
   * Smooth weighted round robin: at each choice every lane that waits earns its weight, the richest is chosen and pays what
   * all of them earned. So each gets its share, spread evenly, and none waits for ever.
   */
  function next(): Waiting | undefined {
    const candidates = [...lanes.values()].filter(({ waiting }) => waiting.size > 0);
    let chosen: Lane | undefined;
    let earned = 0;
    for (const lane of candidates) {
      lane.credit += lane.weight;
      earned += lane.weight;
      if (chosen === undefined || lane.credit > chosen.credit) chosen = lane;
    }
    if (chosen) chosen.credit -= earned;
    return chosen?.waiting.values().next().value;
  }

  function laneOf(queue: string): Lane {
    const known = lanes.get(queue);
    if (known) return known;
    const lane: Lane = { waiting: new Set(), weight: weightOf(queue), credit: 0 };
    lanes.set(queue, lane);
    return lane;
  }
}
