import { isDeepStrictEqual } from 'node:util';
import {
  type BrokerConnection,
  connectBroker,
  type EventListener,
  listenEvents,
  type TaskEventBody,
} from '@warren/broker';
import type { Output } from '@warren/cli';
import type { Ledger, Task } from '@warren/ledger';
import { openStates } from '@warren/tasks';
import type { Command } from 'commander';
import { askPatiently, Presence, watchBroker } from './absences.js';
import { readId } from './build-submission.js';
import { createBell, follow, type Hearer, isSettled, readEvent, tooLongAway } from './follow.js';
import { silentLog } from './ground.js';
import { progressText, readProgress } from './progress-text.js';
import { moveWords } from './standing.js';
import {
  followAdvice,
  settingsOfBroker,
  stackDown,
  type TaskContext,
  taskOrThrow,
  withLedger,
} from './task-context.js';
import { createWatchLines } from './watch-lines.js';

/** The newest tasks that are compared with what was shown before, to make up for lost events. */
const comparedTasks = 200;
/** Steps kept between two looks at the ledger; what comes beyond is not shown. */
const maxWaitingSteps = 1_000;
/** How long the broker may take before the ledger alone is read, in milliseconds. */
const connectTimeoutMs = 4_000;

export function addWatchCommand(task: Command, context: TaskContext): void {
  task
    .command('watch')
    .description('what happens, as it happens: to one task until it is done, or to all until Ctrl-C')
    .argument('[id]', 'the task')
    .action((id: string | undefined) => watch(id === undefined ? undefined : readId(id, '<id>'), context));
}

async function watch(id: string | undefined, context: TaskContext): Promise<void> {
  const signal = context.world.interruption();
  await withLedger(context, async (ledger) => {
    const connection = await connectIfPossible(context);
    try {
      if (id === undefined) await watchAll(ledger, connection, signal, context);
      else await watchOne(id, ledger, connection, signal, context);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await connection?.close();
    }
  });
}

/** The ledger tells the same a little later, so a broker that is away is no reason to give up. */
async function connectIfPossible(context: TaskContext): Promise<BrokerConnection | undefined> {
  const settings = settingsOfBroker(context);
  if (settings === undefined) return undefined;
  try {
    const name = `warren-cli#${process.pid}`;
    return await connectBroker({ urls: settings.amqpUrl, name, log: silentLog, connectTimeoutMs });
  } catch (error) {
    tellNoEvents(error, context);
    return undefined;
  }
}

function tellNoEvents(error: unknown, { output, world }: TaskContext): void {
  const why = error instanceof Error ? error.message : String(error);
  output.note(`no events (${why}); the ledger is read every ${world.pollMs} ms instead`);
}

async function watchOne(
  id: string,
  ledger: Ledger,
  connection: BrokerConnection | undefined,
  signal: AbortSignal,
  context: TaskContext,
): Promise<void> {
  const { output, world } = context;
  const { now, patience, pollMs } = world;
  const found = await taskOrThrow(ledger, id);
  const foundAt = await reachedAt(found, ledger, now());
  const teller = createTeller(context);
  let present: Task | undefined;
  const hearer: Hearer = {
    onMove(task) {
      present = task;
      teller.move(task, presentOf(task) === presentOf(found) ? foundAt : now());
    },
    onStep(step) {
      if (present === undefined) return;
      const { id: task_id, type, attempt } = present;
      // How far it was when it was found is as old as the row.
      const at = isDeepStrictEqual(step, readProgress(found.progress)) ? found.updatedAt : now();
      teller.step({ task_id, type, attempt, event: 'progress', at, progress: step });
    },
    onAbsence: (line) => tellAbsence(line, output),
  };
  const advice = followAdvice(context);
  const brokerCause = stackDown(context);
  await follow(id, { ledger, connection, pollMs, patience, now, brokerCause, advice, signal }, hearer);
}

/** When a task came to where it is. What is on its way to its queue is told of as it stands at present. */
async function reachedAt(task: Task, { queries }: Pick<Ledger, 'queries'>, now: number): Promise<number> {
  if (task.finishedAt !== null) return task.finishedAt;
  if (task.state === 'accepted') return now;
  if (task.state === 'running') return (await queries.runs(task.id)).at(-1)?.startedAt ?? task.updatedAt;
  return task.publishedAt ?? task.dispatchedAt;
}

/** Events bring the steps and wake; which state a task is in is read from the ledger. */
async function watchAll(
  ledger: Ledger,
  connection: BrokerConnection | undefined,
  signal: AbortSignal,
  context: TaskContext,
): Promise<void> {
  const { output, world } = context;
  const bell = createBell();
  const seen = new Seen();
  const teller = createTeller(context);
  const steps: TaskEventBody[] = [];
  for (const task of await ledger.queries.tasks({ limit: comparedTasks })) seen.isNew(task);
  if (!output.json) output.note(`${await openWords(ledger)}; Ctrl-C ends this`);
  const listener = await listenToAll(connection, context, (event) => {
    if (event?.progress !== undefined && steps.length < maxWaitingSteps) steps.push(event);
    bell.ring();
  });
  const tell = (line: string) => tellAbsence(line, output);
  const presence = new Presence('the ledger', tell);
  const broker = watchBroker(connection, tell);
  const givenUp = (absence: string) => tooLongAway(absence, followAdvice(context)('ledger'));
  const brokerCause = stackDown(context);
  const asking = { ...world.patience, pauseMs: world.pollMs, signal, givenUp };
  try {
    for (;;) {
      await bell.rung(world.pollMs, signal);
      const happened = steps.splice(0);
      const moved = (await askPatiently(() => ledger.queries.tasks({ limit: comparedTasks }), presence, asking))
        .toReversed()
        .filter((task) => seen.isNew(task));
      // A step comes after its task's start and before its end, whichever was read first.
      const starts = moved.filter(({ state }) => state === 'running');
      const ends = moved.filter(({ state }) => state !== 'running');
      for (const task of starts) teller.move(task, startOf(task, happened, world.now()));
      // One that its task's end has overtaken is no news any more.
      for (const event of happened) if (!seen.wasEnded(event.task_id, moved)) teller.step(event);
      for (const task of ends) teller.move(task, task.finishedAt ?? world.now());
      broker.presence.explain(brokerCause);
    }
  } finally {
    broker.end();
    await listener?.close();
  }
}

/** Best effort, as {@link connectIfPossible} is. */
async function listenToAll(
  connection: BrokerConnection | undefined,
  context: TaskContext,
  onEvent: (event: TaskEventBody | undefined) => void,
): Promise<EventListener | undefined> {
  if (connection === undefined) return undefined;
  try {
    return await listenEvents(connection, {
      bindingKeys: ['*.*.*'],
      log: silentLog,
      onEvent: ({ body }) => onEvent(readEvent(body)),
      onListening: () => onEvent(undefined),
      timeoutMs: connectTimeoutMs,
    });
  } catch (error) {
    tellNoEvents(error, context);
    return undefined;
  }
}

/** A step of the run may be older than the look at the ledger that found it. */
function startOf({ id }: Task, steps: readonly TaskEventBody[], now: number): number {
  return Math.min(now, ...steps.filter(({ task_id }) => task_id === id).map(({ at }) => at));
}

/** What makes a state, an attempt and a run of a task differ from those before. */
function presentOf({ state, attempt, token }: Task): string {
  return `${state} ${attempt} ${token}`;
}

/** What was shown last of each of the newest tasks. */
class Seen {
  readonly #shown = new Map<string, { readonly present: string; readonly isEnded: boolean }>();

  /** Whether a task was shown as settled before this look, which found no move of it. */
  wasEnded(id: string, moved: readonly Task[]): boolean {
    return this.#shown.get(id)?.isEnded === true && !moved.some((task) => task.id === id);
  }

  isNew(task: Task): boolean {
    const { id } = task;
    const present = presentOf(task);
    if (this.#shown.get(id)?.present === present) return false;
    this.#shown.delete(id);
    this.#shown.set(id, { present, isEnded: isSettled(task) });
    const [oldest] = this.#shown.keys();
    // Twice what is compared: one that is compared has not been forgotten.
    if (this.#shown.size > 2 * comparedTasks && oldest !== undefined) this.#shown.delete(oldest);
    return true;
  }
}

async function openWords({ queries }: Ledger): Promise<string> {
  const counts = await queries.count();
  const words = openStates.flatMap((state) => (counts[state] ? [`${counts[state]} ${state}`] : []));
  return words.length === 0 ? 'no task is open' : `open: ${words.join(', ')}`;
}

/** A program that reads the JSON has no use for it. */
function tellAbsence(line: string, output: Output): void {
  if (!output.json) output.note(line);
}

/** On stdout: lines, or with `--json` a record each. */
function createTeller({ output, world }: TaskContext) {
  const lineOf = createWatchLines({ width: output.width, cwd: world.cwd });
  return {
    move(task: Task, at: number): void {
      const { id, type, state, attempt, reasonCode: code, reason } = task;
      output.result({ at, id, type, state, attempt, code, reason }, lineOf({ task, at, text: moveWords(task, at) }));
    },
    step({ at, task_id: id, type, progress }: TaskEventBody): void {
      if (progress === undefined) return;
      output.result({ at, id, type, progress }, lineOf({ task: { id, type }, at, text: progressText(progress) }));
    },
  };
}
