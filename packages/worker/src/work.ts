import {
  copyInQueue,
  type Delivery,
  type Dispatcher,
  type EventPublisher,
  type LedgerPatience,
  type Publisher,
  replyTo,
  type Turns,
  taskEvent,
} from '@warren/broker';
import { parkRaw, parkUnreadable } from '@warren/dead-letters';
import { isContentOf } from '@warren/intake';
import type { ClaimAnswer, Ledger, RunAnswer, Task } from '@warren/ledger';
import {
  type Defect,
  parseMessage,
  type ReasonCode,
  type TaskMessage,
  type TaskState,
  type TaskType,
} from '@warren/tasks';
import type { Logger } from 'pino';
import { handle, type Outcome } from './handle.js';
import type { Handler } from './handler.js';
import { startRun } from './run.js';
import type { Runs } from './run-stop.js';

export interface WorkParts<Input, Result> {
  readonly type: TaskType<Input, Result>;
  readonly handler: Handler<Input, Result>;
  /** Names this process in leases and in the record of attempts. Unique: a restarted worker is another owner. */
  readonly worker: string;
  readonly ledger: Ledger;
  readonly patience: LedgerPatience;
  readonly dispatcher: Dispatcher;
  readonly publisher: Publisher;
  readonly events: EventPublisher;
  /** Runs go side by side, but for a suspect's. */
  readonly turns: Turns;
  /** True from the first SIGTERM on: what has not begun goes back to the queue. */
  readonly draining: () => boolean;
  /** What runs at the moment. */
  readonly runs: Runs;
  readonly now: () => number;
  readonly log: Logger;
}

/** A run that ends sooner than this, in milliseconds, is told of by its end alone. */
const tellStartAfterMs = 20;

const notBegun: Outcome = { kind: 'interrupted', why: 'the worker stops' };

interface Claimed {
  readonly task: Task;
  readonly message: TaskMessage;
  /** The input's JSON, for messages that this run's end may owe. */
  readonly payload: string;
  readonly log: Logger;
}

/**
 * The way of a delivery: parse, claim, handle, settle. Each step either goes on or has settled the delivery itself.
 *
 * Every path that acks does so after a commit: of the result, of the next move with the publish that it owes, of the
 * raw message in the ledger, or because the ledger says that this dispatch is over.
 */
export async function work<Input, Result>(delivery: Delivery, parts: WorkParts<Input, Result>): Promise<void> {
  const message = await parse(delivery, parts);
  if (!message) return;
  const turn = await parts.turns.beside(() => takeTurn(delivery, message, false, parts));
  // It crashed its worker before: it waits until nothing runs beside it that it could take along.
  if (turn === 'alone') await parts.turns.alone(() => takeTurn(delivery, message, true, parts));
}

/** `alone`: nothing was done, the task must be claimed again when nothing runs beside it. */
async function takeTurn<Input, Result>(
  delivery: Delivery,
  message: TaskMessage,
  alone: boolean,
  parts: WorkParts<Input, Result>,
): Promise<'settled' | 'alone'> {
  const claimed = await claim(delivery, message, alone, parts);
  if (claimed === 'settled' || claimed === 'alone') return claimed;
  // The claim may have waited for the ledger, and had to be asked for to its end: an ask without an answer may be granted.
  const outcome = parts.draining() ? notBegun : await run(delivery, claimed, parts);
  await settle(delivery, claimed, outcome, parts);
  return 'settled';
}

type Parts = Omit<WorkParts<unknown, unknown>, 'handler' | 'type'> & { readonly type: TaskType };

async function parse(delivery: Delivery, parts: Parts): Promise<TaskMessage | undefined> {
  const parsed = parseMessage(
    { body: delivery.content, addressedTo: parts.type.name, properties: delivery.properties },
    [parts.type],
  );
  if (parsed.kind === 'defect') {
    await parkDefective(delivery, parsed.defect, parts);
    return undefined;
  }
  if (!parsed.message.ticket) {
    await park(delivery, 'invalid-state', 'it names no dispatch; submit to exchange "submit" instead', parts);
    return undefined;
  }
  return parsed.message;
}

/** With its task, if it is a task's own message: published again it would only be met again. */
async function parkDefective(delivery: Delivery, { code, field, message }: Defect, parts: Parts): Promise<void> {
  const reason = `${field}: ${message}`;
  const unreadable = { delivery, type: parts.type, code, reason };
  const outcome = await parts.patience.ask(() => parkUnreadable(unreadable, parts));
  if (outcome === 'foreign') await park(delivery, code, reason, parts);
  else delivery.ack();
}

/** Kept whole in the ledger, then gone from the queue. */
async function park(delivery: Delivery, code: ReasonCode, reason: string, parts: Parts): Promise<void> {
  const sourceQueue = delivery.queue;
  const letter = await parts.patience.ask(() =>
    parkRaw(parts, {
      body: delivery.content,
      properties: delivery.properties,
      routingKey: delivery.routingKey,
      sourceQueue,
      code,
      reason,
    }),
  );
  const { messageId } = delivery.properties;
  parts.log.warn({ letter: letter.id, code, messageId }, 'message parked: it is no task');
  // What is wrong with a message may quote it.
  parts.log.debug({ letter: letter.id, reason }, 'why the message was parked');
  delivery.ack();
}

async function claim(
  delivery: Delivery,
  message: TaskMessage,
  alone: boolean,
  parts: Parts,
): Promise<Claimed | 'settled' | 'alone'> {
  // The broker has given a lost one to somebody else by now, and a claim in its name would take that run over.
  if (parts.draining() || delivery.isLost) {
    delivery.requeue();
    return 'settled';
  }
  const answer = await askForClaim(delivery, message, alone, parts);
  if (answer === undefined) {
    delivery.requeue();
    return 'settled';
  }
  if (answer.kind === 'alone') return 'alone';
  const payload = JSON.stringify(message.payload) ?? 'null';
  const isForeign = 'task' in answer && !isContentOf(answer.task, message.type.name, message.payload, payload);
  if (answer.kind !== 'run') {
    if (isForeign) await disown(delivery, answer.task, parts);
    else await decline(delivery, message, answer, payload, parts);
    return 'settled';
  }
  const { task } = answer;
  const log = logOfRun(task, parts);
  log.info({ to: task.state }, 'task claimed');
  if (isForeign) {
    await parts.patience.ask(() => parts.ledger.release(task.id, { token: task.token, now: parts.now() }));
    log.info({ from: 'running', to: 'queued' }, 'claim released: the message has other content');
    await disown(delivery, task, parts);
    return 'settled';
  }
  return { task, message, payload, log };
}

/** The worker's own log names its type. */
function logOfRun({ attempt, dispatch, id, token }: Task, { log }: Parts): Logger {
  return log.child({ task: id, dispatch, attempt, token });
}

function askForClaim(
  delivery: Delivery,
  message: TaskMessage,
  alone: boolean,
  parts: Parts,
): Promise<ClaimAnswer | undefined> {
  const { leaseMs, maxCrashes } = parts.type.policy;
  return parts.patience.ask(async () => {
    if (delivery.isLost) return undefined;
    return await parts.ledger.claim(message.taskId, {
      dispatch: message.ticket?.dispatch ?? 0,
      copy: copyInQueue(message.ticket?.copy ?? '', delivery.queue),
      redelivered: delivery.redelivered,
      owner: parts.worker,
      now: parts.now(),
      leaseMs,
      maxCrashes,
      alone,
    });
  });
}

/**
 * Somebody else wrote this ticket: the task was submitted with other content, and its result must not stand for this one.
 * The task itself is left to its own message.
 */
async function disown(delivery: Delivery, task: Task, parts: Parts): Promise<void> {
  await park(delivery, 'conflict', `payload: task ${task.id} was submitted with other content`, parts);
}

/** The task is not worked under this message, for one reason or another. */
async function decline(
  delivery: Delivery,
  message: TaskMessage,
  answer: Exclude<ClaimAnswer, { kind: 'run' | 'alone' }>,
  payload: string,
  parts: Parts,
): Promise<void> {
  const { dispatch, attempt } = message.ticket ?? {};
  const log = parts.log.child({ task: message.taskId, dispatch, attempt });
  switch (answer.kind) {
    case 'stale':
      log.debug('stale message acknowledged: its task has moved on');
      delivery.ack();
      return;
    case 'held':
    case 'early':
      log.debug({ why: answer.kind, until: answer.until }, 'message put back');
      await parts.dispatcher.putBack(answer.task, payload, answer.until);
      delivery.ack();
      return;
    case 'dead-lettered':
      log.info({ to: answer.task.state, code: answer.code, reason: answer.task.reason }, 'task dead-lettered unworked');
      await moveOn(delivery, answer.task, payload, parts, log);
      return;
    case 'unknown':
      await park(delivery, 'invalid-state', 'the ledger knows no such task, or not yet this dispatch of it', parts);
      return;
  }
}

async function run<Input, Result>(
  delivery: Delivery,
  { task, message, log }: Claimed,
  parts: WorkParts<Input, Result>,
): Promise<Outcome> {
  const told = setTimeout(() => parts.events.publish(taskEvent(task, parts.now())), tellStartAfterMs);
  const running = startRun(task, delivery, parts);
  try {
    return await handle({
      type: parts.type,
      handler: parts.handler,
      taskId: task.id,
      attempt: task.attempt,
      payload: message.payload,
      deadlineAt: running.deadlineAt,
      stop: running.stop,
      onProgress: running.onProgress,
      log,
    });
  } finally {
    clearTimeout(told);
    running.end();
  }
}

async function settle(
  delivery: Delivery,
  { task, payload, log }: Claimed,
  outcome: Outcome,
  parts: Parts,
): Promise<void> {
  const answer = await parts.patience.ask(() => commitOutcome(task, outcome, parts));
  const settled = answer.kind === 'done' ? answer.task : await completedBefore(task, outcome, parts);
  if (settled === undefined) {
    log.warn({ outcome: outcome.kind }, 'outcome refused: the task was taken over or has moved on');
    // A release whose answer was lost is refused when it is asked for again: this may be the only message of the task.
    if (outcome.kind === 'interrupted') delivery.requeue();
    else delivery.ack();
    return;
  }
  parts.events.publish(taskEvent(settled, parts.now()));
  switch (outcome.kind) {
    case 'completed':
      log.info({ ...moved(settled), cost: outcome.cost }, 'task completed');
      delivery.ack();
      reply(settled, outcome.result, parts, log);
      return;
    case 'interrupted':
      log.info({ ...moved(settled), why: outcome.why }, 'claim released');
      delivery.requeue();
      return;
    case 'failed':
      log.info({ ...moved(settled), code: outcome.failure.code }, 'attempt failed');
      log.debug({ reason: outcome.failure.message }, 'why the attempt failed');
      await moveOn(delivery, settled, payload, parts, log);
      return;
    case 'snoozed':
      log.info({ ...moved(settled), dueAt: settled.dueAt }, 'task snoozed');
      log.debug({ reason: outcome.reason }, 'why the task was snoozed');
      await moveOn(delivery, settled, payload, parts, log);
      return;
  }
}

/** A completion whose answer was lost is refused when it is asked for again, and stands: its submitter waits all the same. */
async function completedBefore(run: Task, outcome: Outcome, { ledger, patience }: Parts): Promise<Task | undefined> {
  if (outcome.kind !== 'completed') return undefined;
  const runs = await patience.ask(() => ledger.queries.runs(run.id));
  if (runs.find(({ token }) => token === run.token)?.outcome !== 'completed') return undefined;
  return await patience.ask(() => ledger.queries.task(run.id));
}

function moved({ state }: Task): { readonly from: TaskState; readonly to: TaskState } {
  return { from: 'running', to: state };
}

function commitOutcome(task: Task, outcome: Outcome, { ledger, now }: Parts): Promise<RunAnswer> {
  const run = { token: task.token, now: now() };
  switch (outcome.kind) {
    case 'completed':
      return ledger.complete(task.id, { ...run, result: outcome.result, cost: outcome.cost });
    case 'failed':
      return ledger.fail(task.id, { ...run, failure: outcome.failure });
    case 'snoozed':
      return ledger.snooze(task.id, { ...run, dueAt: run.now + outcome.delayMs, reason: outcome.reason });
    case 'interrupted':
      return ledger.release(task.id, run);
  }
}

/**
 * Publishes what the committed move owes, then acks. If the publish fails the debt stands in the ledger and the sweeper
 * makes it good, so the old message is acked all the same: it could only come back as stale.
 */
async function moveOn(delivery: Delivery, task: Task, payload: string, parts: Parts, log: Logger): Promise<void> {
  try {
    await parts.dispatcher.dispatch(task, payload);
  } catch (error) {
    log.warn({ err: error, owed: task.owed }, 'publish failed: the sweeper will make it good');
  }
  delivery.ack();
}

/** After the ack and without waiting: a reply is a courtesy, the result is on record. */
function reply(task: Task, result: string, { publisher }: Parts, log: Logger): void {
  const publication = replyTo(task, JSON.parse(result));
  if (!publication) return;
  publisher.publish(publication).catch((error: unknown) => log.debug({ err: error }, 'reply not sent'));
}
