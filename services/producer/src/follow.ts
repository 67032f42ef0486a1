import { type BrokerConnection, eventsOfTask, listenEvents, type TaskEventBody, taskEventBody } from '@warren/broker';
import { CommandError } from '@warren/cli';
import type { Ledger, Task } from '@warren/ledger';
import { isFinal } from '@warren/tasks';
import { silentLog } from './ground.js';
import { type ProgressStep, readProgress } from './progress-text.js';

/** What a follower is told. */
export interface Hearer {
  /** The task has moved: another state, attempt or run. Also called for the state in which it was found. */
  onMove(task: Task): void;
  /** Its run has come a step further. */
  onStep(step: ProgressStep): void;
}

export interface FollowParts {
  readonly ledger: Pick<Ledger, 'queries'>;
  /** Without one, or when events get lost, the ledger tells everything, a little later. */
  readonly connection: BrokerConnection | undefined;
  /** How often the ledger is asked although no event came, in milliseconds. */
  readonly pollMs: number;
  /** Ends the following: `follow` then rejects with its reason. */
  readonly signal: AbortSignal;
}

/** Follows a task until nothing moves it by itself any more: it is final, or parked. Events wake it; the ledger decides. */
export async function follow(taskId: string, parts: FollowParts, hearer: Hearer): Promise<Task> {
  const bell = createBell();
  const told = createTold(hearer);
  const listening = listen(taskId, parts, (event) => {
    if (event?.progress !== undefined) told.step(event.progress);
    bell.ring();
  });
  try {
    for (;;) {
      const task = await parts.ledger.queries.task(taskId);
      if (task === undefined) throw noSuchTask(taskId);
      told.task(task);
      if (isSettled(task)) return task;
      await bell.rung(parts.pollMs, parts.signal);
    }
  } finally {
    await (await listening)?.close();
  }
}

export function isSettled({ state }: Task): boolean {
  return isFinal(state) || state === 'parked';
}

export function noSuchTask(taskId: string): CommandError {
  return new CommandError(`there is no task ${taskId} in this ledger`, {
    code: 'not-found',
    field: '<id>',
    next: '`warren task list` shows the newest tasks',
  });
}

/** Best effort: whoever follows reads the ledger in any case. */
async function listen(
  taskId: string,
  { connection }: FollowParts,
  onEvent: (event: TaskEventBody | undefined) => void,
): Promise<{ close(): Promise<void> } | undefined> {
  if (connection === undefined) return undefined;
  try {
    return await listenEvents(connection, {
      bindingKeys: [eventsOfTask(taskId)],
      log: silentLog,
      onEvent: ({ body }) => onEvent(readEvent(body)),
      onListening: () => onEvent(undefined),
      timeoutMs: 2_000,
    });
  } catch {
    return undefined;
  }
}

/** Undefined for one that is none of ours: anybody may publish to an exchange. */
export function readEvent(body: Buffer): TaskEventBody | undefined {
  try {
    return taskEventBody.safeParse(JSON.parse(body.toString())).data;
  } catch {
    return undefined;
  }
}

/** Tells each move once and each step once a run, whether an event or the ledger, which is a little behind, brought it. */
function createTold(hearer: Hearer) {
  let moved = '';
  const steps = new Set<string>();
  const step = (next: ProgressStep) => {
    const key = JSON.stringify([next.message, next.done, next.total]);
    if (steps.has(key)) return;
    steps.add(key);
    hearer.onStep(next);
  };
  return {
    step,
    task(task: Task) {
      const key = `${task.state} ${task.attempt} ${task.token}`;
      if (key !== moved) {
        // Another run may take the same steps.
        steps.clear();
        moved = key;
        hearer.onMove(task);
      }
      const next = readProgress(task.progress);
      if (next !== undefined) step(next);
    },
  };
}

/** Something to wait for: a ring, or the time. A ring that nobody waited for is kept. */
export function createBell() {
  let isRung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      isRung = true;
      wake?.();
    },
    async rung(withinMs: number, signal: AbortSignal): Promise<void> {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, withinMs);
        signal.addEventListener('abort', done, { once: true });
        wake = done;
        if (isRung) done();
      });
      wake = undefined;
      isRung = false;
      signal.throwIfAborted();
    },
  };
}
