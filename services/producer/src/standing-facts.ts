import { brokerAddress, managementAddress, managementClient } from '@warren/broker';
import type { Ledger, Task } from '@warren/ledger';
import { classOf } from '@warren/tasks';
import { readQueueName, workQueue } from '@warren/topology';
import type { BrokerSettings } from './cli-settings.js';
import type { StandingFacts } from './standing.js';

/** Waiting tasks that are looked at on each side of a task to find its place. */
const countedTasks = 1_000;

/** Gathers what `standingOf` wants to know. A broker that doesn't answer leaves its facts out; the ledger has to. */
export async function standingFacts(
  task: Task,
  ledger: Pick<Ledger, 'queries' | 'letters'>,
  broker: BrokerSettings | undefined,
  now: number,
): Promise<StandingFacts> {
  const inQueue = waitsInQueue(task, now);
  const [ahead, consumers, runs, letter] = await Promise.all([
    inQueue ? countAhead(task, ledger, now) : undefined,
    inQueue && broker !== undefined ? countConsumers(task, broker) : undefined,
    ledger.queries.runs(task.id),
    task.state === 'parked' ? ledger.letters.find(task.id) : undefined,
  ]);
  const lastRun = runs.at(-1);
  return {
    ...(ahead === undefined ? {} : { ahead }),
    ...(consumers === undefined ? {} : { consumers }),
    ...(lastRun === undefined ? {} : { lastRun }),
    ...(letter?.advice ? { advice: letter.advice } : {}),
  };
}

/** Whether its message is in its work queue, as far as the ledger can tell. */
function waitsInQueue({ state, dueAt }: Task, now: number): boolean {
  return state === 'queued' || (isDelayed(state) && dueAt <= now);
}

function isDelayed(state: Task['state']): boolean {
  return state === 'scheduled' || state === 'snoozed' || state === 'retry-scheduled';
}

/** The queue serves the higher priority first and, within one, in order of arrival. */
export function isServedBefore(other: Task, task: Task): boolean {
  if (other.priority !== task.priority) return other.priority > task.priority;
  return arrivalOf(other) < arrivalOf(task);
}

function arrivalOf({ dueAt, publishedAt, dispatchedAt }: Task): number {
  return Math.max(dueAt, publishedAt ?? dispatchedAt);
}

async function countAhead(
  task: Task,
  { queries }: Pick<Ledger, 'queries'>,
  now: number,
): Promise<StandingFacts['ahead']> {
  const states = ['queued', 'scheduled', 'snoozed', 'retry-scheduled'] as const;
  const some = { types: [task.type], states, limit: countedTasks };
  const sides = await Promise.all([
    queries.tasks({ ...some, createdBefore: task.createdAt }),
    queries.tasks({ ...some, createdSince: task.createdAt + 1 }),
  ]);
  const others = sides.flat().filter((other) => other.id !== task.id && waitsInQueue(other, now));
  return {
    count: others.filter((other) => isServedBefore(other, task)).length,
    atLeast: sides.some((side) => side.length === countedTasks),
  };
}

async function countConsumers(task: Task, { amqpUrl, managementUrl }: BrokerSettings): Promise<number | undefined> {
  try {
    const management = managementClient(managementAddress(amqpUrl, managementUrl));
    const queues = (await management.queues(brokerAddress(amqpUrl).vhost)).filter(({ name }) => mayHold(name, task));
    return queues.length === 0 ? undefined : queues.reduce((sum, { consumers }) => sum + consumers, 0);
  } catch {
    return undefined;
  }
}

/** One of its type, of its class where it has lanes, in whatever generation. */
function mayHold(queue: string, task: Task): boolean {
  const read = readQueueName(queue);
  return read?.role === workQueue(task.type) && (read.lane === null || read.lane === classOf(task.priority));
}
