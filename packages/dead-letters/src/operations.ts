import { type Dispatcher, type Publication, PublishError, type Publisher, replyTo } from '@warren/broker';
import {
  type AttemptRun,
  type ByHand,
  type HandAct,
  type HandActName,
  isOpenLetter,
  type Ledger,
  type Letter,
  type LetterDecision,
  type LetterFilter,
  type LetterOutline,
  type LetterState,
  type Task,
} from '@warren/ledger';
import {
  defaultPolicy,
  findTaskType,
  maxResultBytes,
  type ReasonCode,
  type TaskState,
  type TaskType,
  taskTypes,
} from '@warren/tasks';
import { exchangeNames } from '@warren/topology';
import { z } from 'zod';
import { restoreProperties, sendersHeaders } from './kept-properties.js';
import { classify } from './rules.js';
import { inputOf } from './task-input.js';

export interface OperationsParts {
  readonly ledger: Pick<Ledger, 'queries' | 'letters' | 'replay' | 'cancel' | 'completeByHand'>;
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>;
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly now: () => number;
  /** Who acts: the name that stands on record with every act. */
  readonly by: string;
  /** Whose results `complete` can judge. Default: every type there is. */
  readonly types?: readonly TaskType[];
}

/** A letter with everything that is on record about it. */
export interface LetterDetails {
  readonly letter: Letter;
  /** Null for a message that was no task. */
  readonly task: Task | null;
  /** Every run of every attempt, oldest first, the newest 200. */
  readonly runs: readonly AttemptRun[];
  /** What people did about it, oldest first, the newest 200. */
  readonly actsByHand: readonly HandAct[];
  /** What a person might do next. */
  readonly advice: string;
}

/** What came of one action on one letter. */
export type ActionOutcome =
  /** `note`: what the person should know besides; a replay whose publish is still owed says so. */
  | { readonly kind: 'done'; readonly note?: string }
  /** `code`: `invalid-state` where it is left out. `input`: the result does not fit the task's type, and how. */
  | {
      readonly kind: 'refused';
      readonly why: string;
      readonly code?: ReasonCode;
      readonly input?: z.core.$ZodError;
    };

export interface Escalation {
  /** A person or a team, by any name. */
  readonly to: string;
  readonly note?: string;
}

/** Work that a person did. */
export interface WorkByHand {
  /** What was done. */
  readonly note: string;
  /** As the task's type has it; undefined: there is none to keep. */
  readonly result?: unknown;
}

/**
 * What a person (or a program for them) may do with dead letters. Ids are those of letters or of tasks. Each act is on
 * record with who, when and note: in the same transaction as the task's move, or as the decision on a letter without one.
 */
export interface Operations {
  list(filter: LetterFilter): Promise<readonly Letter[]>;
  outlines(filter: LetterFilter): Promise<readonly LetterOutline[]>;
  matching(filter: Omit<LetterFilter, 'limit' | 'after'>): Promise<number>;
  find(id: string): Promise<Letter | undefined>;
  /** Also by the id that a message gave itself which became no task. */
  show(id: string): Promise<LetterDetails | undefined>;
  /**
   * A task starts again with a new allowance of attempts. A message that was no task is published to exchange `submit`
   * as it came, and goes the way of every submission: it needs a type to be addressed to.
   */
  replay(id: string, note?: string): Promise<ActionOutcome>;
  /** Nothing will be tried again. Refused for a task that is under way: that is not a dead letter's to end. */
  cancel(id: string, reason: string): Promise<ActionOutcome>;
  /** It goes on waiting, and whom for is on record. The latest escalation counts. */
  escalate(id: string, escalation: Escalation): Promise<ActionOutcome>;
  /**
   * A parked task is completed with a person's result or with none; whoever waits for its reply gets one. A message that
   * was no task is closed as done; it has no place for a result.
   */
  complete(id: string, work: WorkByHand): Promise<ActionOutcome>;
}

const someId = z.guid().toLowerCase();

export function createOperations(parts: OperationsParts): Operations {
  const { ledger } = parts;
  return {
    list: ledger.letters.list,
    find: ledger.letters.find,
    outlines: ledger.letters.outlines,
    matching: ledger.letters.matching,
    show: (id) => show(id, parts),
    replay: (id, note) =>
      withLetter(id, parts, (letter) => (letter.taskId === null ? replayRaw : replayTask)(letter, note, parts)),
    cancel: (id, reason) => withLetter(id, parts, (letter) => cancel(letter, reason, parts)),
    escalate: (id, escalation) => withLetter(id, parts, (letter) => escalate(letter, escalation, parts)),
    complete: (id, work) =>
      withLetter(id, parts, (letter) =>
        letter.taskId === null ? completeRaw(letter, work, parts) : completeTask(letter, letter.taskId, work, parts),
      ),
  };
}

async function show(id: string, { ledger }: OperationsParts): Promise<LetterDetails | undefined> {
  const letter = (await ledger.letters.find(id)) ?? (await claiming(id, ledger));
  if (!letter) return undefined;
  const { taskId } = letter;
  const [task, runs, actsByHand] = await Promise.all([
    taskId === null ? undefined : ledger.queries.task(taskId),
    taskId === null ? [] : ledger.queries.runs(taskId),
    ledger.letters.actsByHand(letter),
  ]);
  return { letter, task: task ?? null, runs, actsByHand, advice: adviceOn(letter) };
}

/** A letter whose message says to be this task, where there is none: of a task on record a stranger's word says nothing. */
async function claiming(id: string, ledger: OperationsParts['ledger']): Promise<Letter | undefined> {
  const claimed = someId.safeParse(id).data;
  if (claimed === undefined || (await ledger.queries.task(claimed))) return undefined;
  return await ledger.letters.claiming(claimed);
}

const adviceByState: Readonly<Record<LetterState, string | null>> = {
  received: 'It is about to be decided. If it stays so: see whether the dlq-processor runs.',
  retrying: 'Nothing: it is tried again by itself.',
  parked: null,
  replayed: 'Nothing: it was replayed. If it fails again it will be here again.',
  cancelled: 'Nothing: it was cancelled.',
  completed: 'Nothing: somebody did it by hand.',
  settled: 'Nothing: its task went on without it.',
};

function adviceOn(letter: Letter): string {
  return adviceByState[letter.state] ?? letter.advice ?? classify({ code: letter.code, origin: 'failed' }).advice;
}

async function withLetter(
  id: string,
  { ledger }: OperationsParts,
  act: (letter: Letter) => Promise<ActionOutcome>,
): Promise<ActionOutcome> {
  const letter = await ledger.letters.find(id);
  if (letter) return await act(letter);
  // Several may say so of themselves: which one is meant has to be said.
  const claimant = await claiming(id, ledger);
  const why = claimant
    ? `it became no task, and the letter about its message has the id ${claimant.id}: name that one`
    : 'there is no dead letter with this id, nor a task with one';
  return { kind: 'refused', why, code: 'not-found' };
}

async function replayTask(letter: Letter, note: string | undefined, parts: OperationsParts): Promise<ActionOutcome> {
  const { dispatcher, ledger, now } = parts;
  const answer = await ledger.replay(letter.taskId ?? '', { now: now(), byHand: byHand(note, parts) });
  if (answer.kind === 'refused') return { kind: 'refused', why: answer.why };
  // The letter of this dispatch, if it fails as well, is another matter.
  const decision = {
    state: 'replayed',
    resolution: 'replayed by hand',
    dispatch: { before: answer.task.dispatch },
  } as const;
  await ledger.letters.decide(letter.id, decision, now());
  try {
    await dispatcher.dispatch(answer.task, await inputOf(answer.task, ledger));
    return { kind: 'done' };
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    return { kind: 'done', note: `its publish is still owed, the sweeper will make it good (${error.message})` };
  }
}

/** Published before it is noted: a crash in between can replay it twice, and intake takes the same message once. */
async function replayRaw(letter: Letter, note: string | undefined, parts: OperationsParts): Promise<ActionOutcome> {
  const { ledger, now, publisher } = parts;
  if (!isOpenLetter[letter.state]) return { kind: 'refused', why: `it is ${letter.state} already` };
  if (letter.type === null) {
    return {
      kind: 'refused',
      why: 'it says no task type to be addressed to; submit what was meant anew, then cancel it',
    };
  }
  const known = await taskNamedBy(letter, parts);
  if (known) {
    return {
      kind: 'refused',
      why: `its body names task ${known.id}, which is on record and ${known.state}: submitted again it would only be counted. Act on that task, and cancel this one`,
    };
  }
  try {
    await publisher.publish(asSubmission(letter, letter.type));
  } catch (error) {
    if (error instanceof PublishError) return { kind: 'refused', why: error.message };
    throw error;
  }
  const decision = {
    state: 'replayed',
    resolution: 'submitted again by hand',
    timesSeen: letter.timesSeen,
    act: actOf('replay', note, parts),
  } as const;
  if (await ledger.letters.decide(letter.id, decision, now())) return { kind: 'done' };
  const since = await ledger.letters.find(letter.id);
  if (since === undefined || since.timesSeen === letter.timesSeen) {
    return { kind: 'done', note: `somebody else decided it meanwhile: it is ${since?.state ?? 'gone'}` };
  }
  return { kind: 'refused', why: `it was submitted again and came back, ${since.code}: ${since.reason}` };
}

const someTask = z.object({ task_id: someId });

async function taskNamedBy(
  { body, type }: Letter,
  { ledger: { queries }, types = taskTypes }: OperationsParts,
): Promise<Task | undefined> {
  // Intake refuses a larger one without reading it.
  const { maxBodyBytes } = findTaskType(type ?? '', types)?.policy ?? defaultPolicy;
  if (body.byteLength > maxBodyBytes) return undefined;
  let id: string;
  try {
    id = someTask.parse(JSON.parse(body.toString())).task_id;
  } catch {
    return undefined;
  }
  return await queries.task(id);
}

function asSubmission(letter: Letter, type: string): Publication {
  const { headers, ...properties } = restoreProperties(letter.properties);
  return {
    exchange: exchangeNames.submit,
    routingKey: type,
    body: letter.body,
    properties: { messageId: '', ...properties, headers: sendersHeaders(headers) },
    mandatory: true,
  };
}

async function cancel(letter: Letter, reason: string, parts: OperationsParts): Promise<ActionOutcome> {
  const { ledger, now } = parts;
  if (!isOpenLetter[letter.state]) return { kind: 'refused', why: `it is ${letter.state} already` };
  const decision = { state: 'cancelled', resolution: reason } as const;
  if (letter.taskId === null) {
    return await closeRaw(letter, { ...decision, act: actOf('cancel', reason, parts) }, parts);
  }
  const refusal = await cancelTask(letter.taskId, reason, parts);
  if (refusal !== undefined) return { kind: 'refused', why: refusal };
  await ledger.letters.decide(letter.id, decision, now());
  return { kind: 'done' };
}

async function closeRaw(
  { id, timesSeen }: Letter,
  decision: LetterDecision,
  { ledger, now }: OperationsParts,
): Promise<ActionOutcome> {
  if (await ledger.letters.decide(id, { ...decision, timesSeen }, now())) return { kind: 'done' };
  return { kind: 'refused', why: 'it came again meanwhile, or somebody else decided it: look at it once more' };
}

/** Where a task waits for its letter or its next attempt, and nobody has it. */
const atRest: readonly TaskState[] = ['parked', 'dead-lettered', 'retry-scheduled'];

async function cancelTask(id: string, reason: string, parts: OperationsParts): Promise<string | undefined> {
  const { ledger, now } = parts;
  const answer = await ledger.cancel(id, { now: now(), reason, from: atRest, byHand: byHand(reason, parts) });
  if (answer.kind === 'moved') return undefined;
  const task = await ledger.queries.task(id);
  return `its task is ${task?.state ?? 'unknown'}`;
}

async function escalate(letter: Letter, { note, to }: Escalation, parts: OperationsParts): Promise<ActionOutcome> {
  const { ledger } = parts;
  if (await ledger.letters.escalate(letter.id, to, { ...actOf('escalate', note, parts), to })) return { kind: 'done' };
  const since = (await ledger.letters.find(letter.id)) ?? letter;
  if (since.state !== 'parked' || since.taskId === null) {
    return { kind: 'refused', why: `it is ${since.state}; only what is parked waits for somebody` };
  }
  return { kind: 'refused', why: `its task is ${(await ledger.queries.task(since.taskId))?.state ?? 'gone'}` };
}

async function completeTask(
  letter: Letter,
  taskId: string,
  { note, result }: WorkByHand,
  parts: OperationsParts,
): Promise<ActionOutcome> {
  const { ledger, now } = parts;
  const task = await ledger.queries.task(taskId);
  if (task === undefined) return { kind: 'refused', why: 'its task is gone' };
  const judged = result === undefined ? ({ kind: 'fits', json: null } as const) : judgeResult(task, result, parts);
  if (judged.kind === 'refused') return judged;
  const move = { dispatch: task.dispatch, now: now(), result: judged.json, byHand: byHand(note, parts) };
  const answer = await ledger.completeByHand(taskId, move);
  if (answer.kind === 'refused') return { kind: 'refused', why: answer.why };
  await ledger.letters.decide(letter.id, { state: 'completed', resolution: note }, now());
  return await tellSubmitter(answer.task, judged.json, parts);
}

/** The result as it is stored: what a worker of this type might have said as well. */
function judgeResult(
  task: Task,
  result: unknown,
  { types = taskTypes }: OperationsParts,
): { readonly kind: 'fits'; readonly json: string } | Extract<ActionOutcome, { kind: 'refused' }> {
  const type = findTaskType(task.type, types);
  if (type === undefined) {
    return { kind: 'refused', why: `nobody here knows type ${task.type}, so its result can't be judged: give none` };
  }
  const parsed = type.result.safeParse(result);
  if (!parsed.success) {
    return { kind: 'refused', why: `the result is not one of type ${task.type}`, input: parsed.error };
  }
  const json = JSON.stringify(parsed.data) ?? 'null';
  const bytes = Buffer.byteLength(json);
  if (bytes <= maxResultBytes) return { kind: 'fits', json };
  return { kind: 'refused', why: `the result takes ${bytes} bytes; at most ${maxResultBytes} are stored` };
}

/** Its completion is on record; the reply is a courtesy, as it is a worker's. */
async function tellSubmitter(task: Task, json: string | null, { publisher }: OperationsParts): Promise<ActionOutcome> {
  const reply = replyTo(task, json === null ? undefined : JSON.parse(json));
  if (reply === undefined) return { kind: 'done' };
  try {
    await publisher.publish(reply);
    return { kind: 'done' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: 'done', note: `its submitter waits for a reply, which could not be sent: ${reason}` };
  }
}

async function completeRaw(
  letter: Letter,
  { note, result }: WorkByHand,
  parts: OperationsParts,
): Promise<ActionOutcome> {
  if (!isOpenLetter[letter.state]) return { kind: 'refused', why: `it is ${letter.state} already` };
  if (result !== undefined) {
    return { kind: 'refused', why: 'it is no task, so nothing can keep a result: complete it with a note alone' };
  }
  return await closeRaw(letter, { state: 'completed', resolution: note, act: actOf('complete', note, parts) }, parts);
}

function byHand(note: string | undefined, { by }: OperationsParts): ByHand {
  return { by, note: note ?? null };
}

function actOf(act: HandActName, note: string | undefined, parts: OperationsParts): HandAct {
  return { act, ...byHand(note, parts), to: null, at: parts.now() };
}
