import { copyInQueue, type Delivery, type Dispatcher, taskFacts } from '@warren/broker';
import type { Ledger, NewLetter, Task } from '@warren/ledger';
import { dispatchNamed, isFinal, maxErrorMessageChars, type ReasonCode, type TaskType } from '@warren/tasks';
import { keepProperties } from './kept-properties.js';
import { type ParkTaskParts, parkTask } from './park-task.js';
import { noteStale } from './processor.js';
import { classify } from './rules.js';
import { inputOf } from './task-input.js';
import { relatedTo } from './task-letter.js';
import { tell } from './tell.js';

export interface UnreadableParts extends ParkTaskParts {
  readonly ledger: Pick<Ledger, 'onDisk' | 'park' | 'recover'> & {
    readonly queries: Pick<Ledger['queries'], 'task' | 'payload'>;
    readonly letters: Pick<Ledger['letters'], 'receive' | 'find' | 'decide'>;
  };
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>;
}

/** A message from a type's queue that its worker can't take, and why. */
export interface Unreadable {
  readonly delivery: Pick<Delivery, 'content' | 'properties' | 'queue' | 'routingKey'>;
  readonly type: TaskType;
  readonly code: ReasonCode;
  readonly reason: string;
}

/**
 * What becomes of the task whose own message its worker can't take. To keep such a message without its task would leave
 * the task waiting, and the sweeper would publish the same message again, for ever. Throws `LedgerUnavailable`, and may be
 * asked again. The message may be acked, unless it is `foreign`.
 * - `parked`: with the message as its letter.
 * - `recovered`: a worker that could take it was lost with it; a new message tells whether there is another.
 * - `stale`: its dispatch is over.
 * - `foreign`: it names no task of this type with its present dispatch, or two that disagree; or another worker has it.
 */
export async function parkUnreadable(
  met: Unreadable,
  parts: UnreadableParts,
): Promise<'parked' | 'recovered' | 'stale' | 'foreign'> {
  const named = dispatchNamed(met.delivery.properties);
  // Ids that disagree: somebody else wrote it, and no task is moved on their word.
  if (!named || met.code === 'conflict') return 'foreign';
  const { ticket } = named;
  const task = await parts.ledger.queries.task(named.taskId);
  if (task?.type !== met.type.name || ticket.dispatch > task.dispatch) return 'foreign';
  if (ticket.dispatch < task.dispatch || isFinal(task.state)) return await leaveStale(task, parts);
  if (task.state === 'running') {
    const outcome = await recover(task, copyInQueue(ticket.copy, met.delivery.queue), parts);
    // Refused because its run ended in this moment: what the task is now decides.
    return outcome === 'moved' ? await parkUnreadable(met, parts) : outcome;
  }

  const { letter } = await parts.ledger.letters.receive(letterOf(met, task), parts.now());
  const why = { code: met.code, reason: met.reason, rule: classify({ code: met.code, origin: 'failed' }) };
  if (await parkTask(task, letter, why, parts)) return 'parked';
  // It moved in this moment.
  return await leaveStale((await parts.ledger.queries.task(task.id)) ?? task, parts);
}

async function leaveStale(task: Task, parts: UnreadableParts): Promise<'stale'> {
  await noteStale(task, parts);
  parts.log.debug({ ...taskFacts(task), state: task.state }, 'stale message acknowledged: its task has moved on');
  return 'stale';
}

/**
 * - `foreign`: refused under a live lease of another copy; then this one is no use to anybody.
 * - `moved`: refused because the task is not worked any more.
 */
async function recover(task: Task, copy: string, parts: UnreadableParts): Promise<'recovered' | 'foreign' | 'moved'> {
  const { dispatcher, ledger, log, now } = parts;
  const answer = await ledger.recover(task.id, { dispatch: task.dispatch, now: now(), copy });
  if (answer.kind === 'refused') {
    const present = await ledger.queries.task(task.id);
    return present?.dispatch === task.dispatch && present.state === 'running' ? 'foreign' : 'moved';
  }
  log.info({ ...taskFacts(task), from: task.state, to: answer.task.state }, 'task given up with its lost run');
  tell(answer.task, parts);
  try {
    await dispatcher.dispatch(answer.task, await inputOf(task, ledger));
  } catch (error) {
    log.warn({ err: error, ...taskFacts(answer.task) }, 'publish failed: the sweeper will make it good');
  }
  return 'recovered';
}

function letterOf({ code, delivery, reason }: Unreadable, task: Task): NewLetter {
  return {
    taskId: task.id,
    type: task.type,
    dispatch: task.dispatch,
    code,
    reason: reason.slice(0, maxErrorMessageChars),
    body: delivery.content,
    properties: keepProperties(delivery.properties),
    sourceQueue: delivery.queue,
    routingKey: delivery.routingKey,
    related: relatedTo(task),
  };
}
