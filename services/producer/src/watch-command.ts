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
import { createBell, follow, type Hearer, readEvent, tooLongAway } from './follow.js';
import { silentLog } from './ground.js';
import { progressText } from './progress-text.js';
import { moveWords } from './standing.js';
import { followAdvice, settingsOfBroker, type TaskContext, taskOrThrow, withLedger } from './task-context.js';
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
  const { patience, pollMs } = world;
  await taskOrThrow(ledger, id);
  const teller = createTeller(context);
  let present: Task | undefined;
  const hearer: Hearer = {
    onMove(task) {
      present = task;
      teller.move(task);
    },
    onStep(step) {
      if (present === undefined) return;
      const { id: task_id, type, attempt } = present;
      teller.step({ task_id, type, attempt, event: 'progress', at: world.now(), progress: step });
    },
    onAbsence: (line) => tellAbsence(line, output),
  };
  await follow(id, { ledger, connection, pollMs, patience, advice: followAdvice(context), signal }, hearer);
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
      for (const task of starts) teller.move(task);
      for (const event of happened) teller.step(event);
      for (const task of ends) teller.move(task);
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

/** What was shown last of each of the newest tasks. */
class Seen {
  readonly #shown = new Map<string, string>();

  isNew({ id, state, attempt, token }: Task): boolean {
    const present = `${state} ${attempt} ${token}`;
    if (this.#shown.get(id) === present) return false;
    this.#shown.delete(id);
    this.#shown.set(id, present);
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
    move(task: Task): void {
      const { id, type, state, attempt, reasonCode: code, reason } = task;
      const at = world.now();
      output.result({ at, id, type, state, attempt, code, reason }, lineOf({ task, at, text: moveWords(task, at) }));
    },
    step({ at, task_id: id, type, progress }: TaskEventBody): void {
      if (progress === undefined) return;
      output.result({ at, id, type, progress }, lineOf({ task: { id, type }, at, text: progressText(progress) }));
    },
  };
}
