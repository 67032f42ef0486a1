import type { Delivery } from '@warren/broker';

/** Lets so many pieces of work run at a time, and chooses by weight between the queues that they came from. */
export interface Slots {
  /**
   * Runs the work when its turn comes, and settles with it. `waited` true: its turn did not come within the time that
   * anything may wait; it is to be given back. Work whose delivery is lost holds no place any more, even where its handler
   * does not listen: its task comes back, and is not to wait for that.
   */
  take(delivery: Pick<Delivery, 'queue' | 'onLost'>, work: (waited: boolean) => Promise<void>): Promise<void>;
  /** Runs what waits at once, and whatever comes from now on: for a worker that stops, whose work gives back. */
  open(): void;
}

interface Waiting {
  readonly begin: (waited: boolean) => void;
  readonly timer: NodeJS.Timeout;
}

interface Lane {
  readonly waiting: Set<Waiting>;
  /** What a turn costs: the less, the heavier it weighs. */
  readonly stride: number;
  /** What it has paid for its turns. */
  paid: number;
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
  /** What the one that was served last had paid. */
  let level = 0;
  let running = 0;
  let isOpen = false;

  return {
    async take(delivery, work) {
      const waited = isOpen || running < count ? begin() : await turn(delivery.queue);
      let holds = true;
      const leave = () => {
        if (!holds) return;
        holds = false;
        running -= 1;
        if (running < count) next()?.begin(false);
      };
      delivery.onLost(leave);
      try {
        await work(waited);
      } finally {
        leave();
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
   * Stride scheduling: whoever has paid least is served and pays for its turn. A lane whose next delivery is still on its way
   * stays the one that has paid least and is served next; one that was away for longer is owed no more than that one turn.
   */
  function next(): Waiting | undefined {
    let chosen: Lane | undefined;
    for (const lane of lanes.values()) {
      if (lane.waiting.size === 0) continue;
      lane.paid = Math.max(lane.paid, level - lane.stride);
      if (chosen === undefined || lane.paid < chosen.paid) chosen = lane;
    }
    if (chosen === undefined) return undefined;
    level = Math.max(level, chosen.paid);
    chosen.paid += chosen.stride;
    return chosen.waiting.values().next().value;
  }

  function laneOf(queue: string): Lane {
    const known = lanes.get(queue);
    if (known) return known;
    const lane: Lane = { waiting: new Set(), stride: 1 / weightOf(queue), paid: level };
    lanes.set(queue, lane);
    return lane;
  }
}
