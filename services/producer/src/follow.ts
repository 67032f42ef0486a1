import { type BrokerConnection, eventsOfTask, listenEvents, type TaskEventBody, taskEventBody } from '@warren/broker';
import { CommandError } from '@warren/cli';
import type { Ledger, Task } from '@warren/ledger';
import { isFinal } from '@warren/tasks';
import { askPatiently, type Patience, Presence, watchBroker } from './absences.js';
import { noSuchTask } from './absent-task.js';
import { StepOrder } from './follow-steps.js';
import { silentLog } from './ground.js';
import { type ProgressStep, readProgress } from './progress-text.js';
import { silenceLine } from './standing.js';

/** What a follower is told. */
export interface Hearer {
  /** The task has moved: another state, attempt or run. Also called for the state in which it was found. */
  onMove(task: Task): void;
  /** Its run has come a step further. */
  onStep(step: ProgressStep): void;
  /** The broker, the ledger or the task's worker went away, or is back: a line for a person, once each. */
  onAbsence(line: string): void;
}

export interface FollowParts {
  readonly ledger: Pick<Ledger, 'onDisk' | 'queries'>;
  /** Without one, or when events get lost, the ledger tells everything, a little later. */
  readonly connection: BrokerConnection | undefined;
  /** How often the ledger is asked although no event came, in milliseconds. */
  readonly pollMs: number;
  readonly patience: Patience;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Why the broker is away, where more is known than that it is. */
  readonly brokerCause: () => string | undefined;
  /** What to do where one of them stays away. */
  readonly advice: (of: 'broker' | 'ledger') => string;
  /** Ends the following: `follow` then rejects with its reason. */
  readonly signal: AbortSignal;
}

/**
 * Follows a task until nothing moves it by itself any more: it is final, or parked. Events wake it; the ledger decides.
 * What is away is waited for; throws a CommandError where that takes too long.
 */
export async function follow(taskId: string, parts: FollowParts, hearer: Hearer): Promise<Task> {
  const bell = createBell();
  const told = new Told(hearer);
  const listening = listen(taskId, parts, (event) => {
    if (event?.progress !== undefined) told.step(event.progress);
    bell.ring();
  });
  const tell = (line: string) => hearer.onAbsence(line);
  const presence = new Presence('the ledger', tell);
  const broker = watchBroker(parts.connection, tell);
  const { advice, brokerCause, ledger, now, patience, pollMs, signal } = parts;
  const givenUp = (absence: string) => tooLongAway(absence, advice('ledger'), taskId);
  const asking = { ...patience, pauseMs: pollMs, signal, givenUp };
  try {
    for (;;) {
      const task = await askPatiently(() => ledger.queries.task(taskId), presence, asking);
      if (task === undefined) throw noSuchTask(taskId);
      told.task(task, now());
      if (isSettled(task)) {
        // Whoever started this may act on the end of it elsewhere.
        await askPatiently(() => ledger.onDisk(), presence, asking);
        return task;
      }
      broker.presence.explain(brokerCause);
      const absence = broker.presence.absenceBeyond(patience.absenceLimitMs);
      // The worker that has it may have kept its connection, and the ledger tells what it does.
      if (absence !== undefined && task.state !== 'running')
        throw tooLongAway(`${absence}, and task ${taskId} is ${task.state}`, advice('broker'), taskId);
      await bell.rung(pollMs, signal);
    }
  } finally {
    broker.end();
    // Not waited for: what has not begun to listen by now may never do so.
    listening.then((listener) => listener?.close()).catch(() => undefined);
  }
}

export function isSettled({ state }: Task): boolean {
  return isFinal(state) || state === 'parked';
}

/** @param taskId left out: every task was followed. */
export function tooLongAway(absence: string, advice: string, taskId?: string): CommandError {
  return new CommandError(absence, {
    code: 'network',
    next: `${advice}; to go on then:\n${['warren task watch', taskId].join(' ').trim()}`,
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

/** Steps that came before their run did and wait for it. Those beyond are not told. */
const maxEarlySteps = 1_000;

/**
 * Tells each move once and each step once a run, whether an event or the ledger, which is a little behind, brought it.
 * A step that comes before the ledger was seen to say `running` waits for that.
 */
class Told {
  readonly #hearer: Hearer;
  readonly #steps = new StepOrder();
  readonly #early: ProgressStep[] = [];
  #moved = '';
  #isRunning = false;
  /** The token whose worker's silence was told. */
  #silentToken = 0;

  constructor(hearer: Hearer) {
    this.#hearer = hearer;
  }

  /** A step that an event brought. */
  step(step: ProgressStep): void {
    if (this.#isRunning) this.#hear(step);
    else if (this.#early.length < maxEarlySteps) this.#early.push(step);
  }

  task(task: Task, now: number): void {
    const key = `${task.state} ${task.attempt} ${task.token}`;
    const isRunning = task.state === 'running';
    if (key !== this.#moved) {
      // A run that began and ended between two looks at the ledger.
      if (!isRunning) this.#hearEarly();
      this.#steps.startRun();
      this.#moved = key;
      this.#hearer.onMove(task);
    }
    this.#isRunning = isRunning;
    if (isRunning) this.#hearEarly();
    const step = readProgress(task.progress);
    if (step !== undefined && this.#steps.isNewInLedger(step)) this.#hearer.onStep(step);
    this.#hearSilence(task, now);
  }

  #hearSilence(task: Task, now: number): void {
    const line = silenceLine(task, now);
    if (line === undefined || task.token === this.#silentToken) return;
    this.#silentToken = task.token;
    this.#hearer.onAbsence(line);
  }

  #hearEarly(): void {
    for (const step of this.#early.splice(0)) this.#hear(step);
  }

  #hear(step: ProgressStep): void {
    if (this.#steps.isNewEvent(step)) this.#hearer.onStep(step);
  }
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
