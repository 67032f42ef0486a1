import { copyInQueue, type Delivery, type Dispatcher, taskFacts } from '@warren/broker';
import type { Ledger, Letter, LetterDecision, MoveAnswer, NewLetter, ParkedNote, Task } from '@warren/ledger';
import { isFinal, maxErrorMessageChars, type ReasonCode, type TaskType } from '@warren/tasks';
import { keepProperties } from './kept-properties.js';
import { type LetterQueue, type MetLetter, readLetter } from './met-letter.js';
import { parkRaw } from './park-raw.js';
import { decideRetry } from './retry-decision.js';
import { type Classification, classify, type Rule, unclassified } from './rules.js';
import { inputOf } from './task-input.js';
import { relatedTo } from './task-letter.js';
import { type TellParts, tell } from './tell.js';

export interface ProcessorParts extends TellParts {
  readonly ledger: Pick<Ledger, 'onDisk' | 'queries' | 'letters' | 'retry' | 'park' | 'recover'>;
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>;
  readonly types: readonly TaskType[];
  readonly rules: readonly Rule[];
  /** From [0, 1). */
  readonly random: () => number;
}

/** What became of a letter. `stale`: its task had moved on without it. */
export type LetterOutcome = 'retried' | 'parked' | 'recovered' | 'stale' | 'parked-raw';

/**
 * How often a letter may be met without a decision. Whoever met it before did not get to the end: most likely somebody
 * ended the process, which says nothing about the letter; but a letter that ends it each time must not go on for ever.
 */
export const maxMeetings = 3;

/**
 * The same for copies of a letter, of which nobody says that an earlier one came back: several hands may have some at the
 * same time and count each other. The sweeper counts those that it publishes.
 */
export const maxCopiesMet = 10;

/** One delivery of a letter. It counts as met once, however often the ledger goes away on its way. */
export interface Meeting {
  letter: Letter | undefined;
}

/**
 * The way of a letter: parse, receive, classify, move, note, publish, ack.
 *
 * A crash between any two steps brings the delivery back, and what it then finds tells how far it came:
 * - before `receive`: nothing was written; it is met for the first time.
 * - before the move: the letter is kept, undecided, and counted (`maxMeetings`); it is decided again.
 * - before the note: the task has moved on, so the delivery is stale; the letter's note is written after the task.
 * - before the publish: stale as well. The publish is owed in the ledger since the move; the sweeper makes it good.
 * - before the ack: stale, with nothing left to do.
 *
 * So everything after the move may fail without harm, and the ack needs no confirm of the publish: a debt in the ledger
 * is as durable as a message. Throws `LedgerUnavailable`, then nothing is acked and the whole way may be gone again.
 */
export async function processLetter(
  delivery: Delivery,
  queue: LetterQueue,
  parts: ProcessorParts,
  meeting: Meeting = { letter: undefined },
): Promise<LetterOutcome> {
  const met = readLetter(delivery, queue, parts.types);
  const outcome = await decide(delivery, met, meeting, parts);
  delivery.ack();
  return outcome;
}

type TaskLetter = MetLetter & { kind: 'task' };

async function decide(
  delivery: Delivery,
  met: MetLetter,
  meeting: Meeting,
  parts: ProcessorParts,
): Promise<LetterOutcome> {
  if (met.kind === 'raw') return await keepRaw(delivery, met, parts);
  const task = await parts.ledger.queries.task(met.message.taskId);
  if (!task || met.ticket.dispatch > task.dispatch)
    return await keepRaw(delivery, unknownTo(delivery, met, task), parts);
  if (isStale(task, met)) return await leaveStale(task, parts);

  meeting.letter ??= (await parts.ledger.letters.receive(newLetter(delivery, met, task), parts.now())).letter;
  const { letter } = meeting;
  if (met.origin === 'expired' || met.origin === 'returned') {
    // The ledger's decision alone: what was read of the task before may be over by now.
    const recovery = { move: 'recover', because: met.origin } as const;
    const answer = await move(recovery, met, task, parts);
    if (answer.kind === 'moved') return await conclude(letter, recovery, task, answer.task, parts);
  }
  const verdict = await judge(letter, met, task, isGivenUp(delivery, letter), parts);
  const answer = await move(verdict, met, task, parts);
  if (answer.kind === 'refused') return await leaveRefused(task, answer.why, parts);
  return await conclude(letter, verdict, task, answer.task, parts);
}

function isGivenUp({ redelivered }: Delivery, { unfinished }: Letter): boolean {
  return unfinished >= (redelivered ? maxMeetings : maxCopiesMet);
}

/** What is left to do once the task has moved. */
async function conclude(
  letter: Letter,
  verdict: Verdict,
  before: Task,
  task: Task,
  parts: ProcessorParts,
): Promise<LetterOutcome> {
  logMove(letter, verdict, before, task, parts);
  await parts.ledger.letters.decide(letter.id, { ...noteOf(verdict), dispatch: letter.dispatch }, parts.now());
  await publishOwed(task, parts);
  tell(task, parts);
  return outcomeOf[verdict.move];
}

async function keepRaw(
  delivery: Delivery,
  { code, reason, routingKey, sourceQueue }: MetLetter & { kind: 'raw' },
  parts: ProcessorParts,
): Promise<LetterOutcome> {
  const { content: body, properties } = delivery;
  const letter = await parkRaw(parts, { body, properties, routingKey, sourceQueue, code, reason });
  parts.log.warn({ letter: letter.id, code, sourceQueue }, 'letter parked: it is no task');
  // What is wrong with a message may quote it.
  parts.log.debug({ letter: letter.id, reason }, 'why the letter was parked');
  return 'parked-raw';
}

function unknownTo(
  { routingKey }: Delivery,
  { message, ticket, sourceQueue }: TaskLetter,
  task: Task | undefined,
): MetLetter & { kind: 'raw' } {
  const reason = task
    ? `it is about dispatch ${ticket.dispatch} of task ${task.id}; the ledger knows ${task.dispatch}`
    : `the ledger knows no task ${message.taskId}`;
  return { kind: 'raw', code: 'invalid-state', reason, sourceQueue, routingKey };
}

/** The task went on without this letter: nothing may be moved by it any more. */
function isStale(task: Task, { ticket }: TaskLetter): boolean {
  return ticket.dispatch < task.dispatch || isFinal(task.state) || task.state === 'parked';
}

async function leaveStale(task: Task, parts: ProcessorParts): Promise<LetterOutcome> {
  await noteStale(task, parts);
  parts.log.debug({ ...taskFacts(task), state: task.state }, 'stale letter acknowledged');
  return 'stale';
}

/** The second half of a way that broke off after its move, if one did: the letter's note is still to be written. */
export async function noteStale(
  task: Task,
  parts: {
    readonly ledger: Pick<Ledger, 'onDisk'> & { readonly letters: Pick<Ledger['letters'], 'find' | 'decide'> };
    readonly now: () => number;
  },
): Promise<void> {
  const { ledger, now } = parts;
  const letter = await ledger.letters.find(task.id);
  // One that was met for this dispatch, or a newer one, is not the task's past but its present: whoever met it decides it.
  const isOver = (letter?.dispatch ?? 0) < task.dispatch || isFinal(task.state) || task.state === 'running';
  const isPast = letter?.state === 'received' && isOver;
  const note = isPast ? noteAfter(task) : undefined;
  if (letter && note) await ledger.letters.decide(letter.id, { ...note, dispatch: letter.dispatch }, now());
  // What was read of the task may be a moment old, and the ack that follows lasts.
  else await ledger.onDisk();
}

async function leaveRefused(before: Task, why: string, parts: ProcessorParts): Promise<LetterOutcome> {
  parts.log.debug({ ...taskFacts(before), why }, 'letter not acted upon');
  return await leaveStale((await parts.ledger.queries.task(before.id)) ?? before, parts);
}

function newLetter(delivery: Delivery, met: TaskLetter, task: Task): NewLetter {
  return {
    taskId: task.id,
    type: task.type,
    dispatch: met.ticket.dispatch,
    code: codeOf(met, task),
    reason: reasonOf(met, task),
    body: delivery.content,
    properties: keepProperties(delivery.properties),
    sourceQueue: met.sourceQueue,
    routingKey: delivery.routingKey,
    related: relatedTo(task),
  };
}

/** The ledger's word goes before the message's: the one is the truth, the other a copy of it. */
function codeOf(met: TaskLetter, task: Task): ReasonCode {
  return met.origin === 'failed' ? (task.reasonCode ?? met.code) : met.code;
}

function reasonOf(met: TaskLetter, task: Task): string {
  return met.origin === 'failed' ? (task.reason ?? met.reason) : met.reason;
}

/** What is to be done about a letter. */
type Verdict =
  | { readonly move: 'retry'; readonly rule: Classification; readonly code: ReasonCode; readonly dueAt: number }
  | {
      readonly move: 'park';
      readonly rule: Classification;
      readonly code: ReasonCode;
      readonly reason: string;
    }
  // No failure that rules could judge: a worker had the task in time, and then its message expired; or it came back too often.
  | { readonly move: 'recover'; readonly because: 'expired' | 'returned' };

async function judge(
  letter: Letter,
  met: TaskLetter,
  task: Task,
  givenUp: boolean,
  parts: ProcessorParts,
): Promise<Exclude<Verdict, { move: 'recover' }>> {
  if (givenUp) {
    const reason = `it was met ${letter.unfinished} times and no decision came of it; its own error: ${letter.reason}`;
    return { move: 'park', rule: unclassified, code: 'unknown', reason };
  }
  const notBefore = await waitAskedFor(task, parts.ledger);
  try {
    return judgeByRules(met, task, notBefore, parts);
  } catch (error) {
    parts.log.error({ err: error, ...taskFacts(task), letter: letter.id }, 'the rules broke on a letter: it is parked');
    const what = error instanceof Error ? error.message : String(error);
    const reason = `the rules broke on it (${what}); its own error: ${letter.reason}`;
    return { move: 'park', rule: unclassified, code: 'unknown', reason };
  }
}

/** Until when the other side asked the newest run to stay away; null: it did not. */
async function waitAskedFor(task: Task, { queries }: ProcessorParts['ledger']): Promise<number | null> {
  const last = (await queries.runs(task.id)).at(-1);
  return last?.retryAfterMs && last.endedAt !== null ? last.endedAt + last.retryAfterMs : null;
}

function judgeByRules(
  met: TaskLetter,
  task: Task,
  notBefore: number | null,
  parts: ProcessorParts,
): Exclude<Verdict, { move: 'recover' }> {
  const [code, reason] = [codeOf(met, task), reasonOf(met, task)];
  const rule = classify({ code, origin: met.origin }, parts.rules);
  // Only what a worker gave up can have a next attempt: another message may still stand for what the broker gave up.
  if (rule.action === 'park' || met.origin !== 'failed') return { move: 'park', rule, code, reason };
  const decision = decideRetry({
    attempt: task.attempt - task.allowanceFrom + 1,
    maxAttempts: Math.min(met.message.type.policy.maxAttempts, rule.attempts),
    backoff: met.message.type.policy.backoff,
    notBefore,
    deadlineAt: task.deadlineAt,
    now: parts.now(),
    random: parts.random(),
  });
  if (decision.kind === 'retry') return { move: 'retry', rule, code, dueAt: decision.dueAt };
  return {
    move: 'park',
    rule: classify({ code: decision.code, origin: met.origin }, parts.rules),
    code: decision.code,
    reason: `${decision.reason}; last error: ${code}: ${reason}`,
  };
}

/** One transaction, refused unless the dispatch is still the letter's own. */
function move(
  verdict: Verdict,
  { sourceQueue, ticket }: TaskLetter,
  task: Task,
  { ledger, now }: ProcessorParts,
): Promise<MoveAnswer> {
  const request = { dispatch: ticket.dispatch, now: now() };
  switch (verdict.move) {
    case 'retry':
      return ledger.retry(task.id, { ...request, dueAt: verdict.dueAt });
    case 'park':
      return ledger.park(task.id, { ...request, code: verdict.code, reason: bounded(verdict.reason) });
    case 'recover':
      return ledger.recover(task.id, {
        ...request,
        copy: copyInQueue(ticket.copy, sourceQueue),
        because: verdict.because,
      });
  }
}

function noteOf(verdict: Verdict): LetterDecision {
  switch (verdict.move) {
    case 'retry':
      return { state: 'retrying', rule: verdict.rule.rule, advice: null, resolution: retryNote(verdict.dueAt) };
    case 'park': {
      const { code, reason, rule } = verdict;
      return { state: 'parked', code, reason: bounded(reason), rule: rule.rule, advice: rule.advice };
    }
    case 'recover':
      return {
        state: 'settled',
        advice: null,
        resolution: 'a worker had it before its message expired; it was published again',
      };
  }
}

/** The same note, told by the row of a task that moved while nobody wrote it; undefined: a newer letter is on its way. */
function noteAfter(task: Task): LetterDecision | undefined {
  switch (task.state) {
    case 'parked':
      return { state: 'parked', ...noteOfParked(task) };
    case 'retry-scheduled':
      return { state: 'retrying', advice: null, resolution: retryNote(task.dueAt) };
    case 'dead-lettered':
      return undefined;
    default:
      return { state: 'settled', advice: null, resolution: `its task is ${task.state}` };
  }
}

export function noteOfParked({ reason, reasonCode }: Task): ParkedNote {
  const code = reasonCode ?? 'unknown';
  const { advice, rule } = classify({ code, origin: 'failed' });
  return { code, reason: reason ?? '', rule, advice };
}

function retryNote(dueAt: number): string {
  return `next attempt at ${new Date(dueAt).toISOString()}`;
}

function bounded(reason: string): string {
  return reason.slice(0, maxErrorMessageChars);
}

async function publishOwed(task: Task, { dispatcher, ledger, log }: ProcessorParts): Promise<void> {
  if (task.owed === null) return;
  try {
    await dispatcher.dispatch(task, await inputOf(task, ledger));
  } catch (error) {
    log.warn({ err: error, ...taskFacts(task), owed: task.owed }, 'publish failed: the sweeper will make it good');
  }
}

const outcomeOf = { retry: 'retried', park: 'parked', recover: 'recovered' } as const;

/** `from` is where the letter's own dispatch of the task was when it was read. */
function logMove(letter: Letter, verdict: Verdict, before: Task, task: Task, { log }: ProcessorParts): void {
  const facts = { ...taskFacts(before), letter: letter.id, from: before.state, to: task.state, code: task.reasonCode };
  switch (verdict.move) {
    case 'retry':
      log.info({ ...facts, rule: verdict.rule.rule, dueAt: task.dueAt }, 'task will be tried again');
      return;
    case 'recover':
      log.info(facts, 'task published again: its message expired after a worker had it');
      return;
    case 'park':
      log.warn({ ...facts, rule: verdict.rule.rule }, 'task parked: it waits for a person');
      log.debug({ ...taskFacts(before), letter: letter.id, reason: task.reason }, 'why the task was parked');
      return;
  }
}
