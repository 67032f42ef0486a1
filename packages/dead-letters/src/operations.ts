import { type Dispatcher, type Publication, PublishError, type Publisher } from '@warren/broker';
import type { AttemptRun, Ledger, Letter, LetterFilter, LetterState, Task } from '@warren/ledger';
import type { TaskState } from '@warren/tasks';
import { exchangeNames } from '@warren/topology';
import { z } from 'zod';
import { restoreProperties, sendersHeaders } from './kept-properties.js';
import { classify } from './rules.js';
import { inputOf } from './task-input.js';

export interface OperationsParts {
  readonly ledger: Pick<Ledger, 'queries' | 'letters' | 'replay' | 'cancel'>;
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>;
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly now: () => number;
}

/** A letter with everything that is on record about it. */
export interface LetterDetails {
  readonly letter: Letter;
  /** Null for a message that was no task. */
  readonly task: Task | null;
  /** Every run of every attempt, oldest first, the newest 200. */
  readonly runs: readonly AttemptRun[];
  /** What a person might do next. */
  readonly advice: string;
}

/** What came of one action on one letter. */
export type ActionOutcome =
  /** `note`: what the person should know besides; a replay whose publish is still owed says so. */
  { readonly kind: 'done'; readonly note?: string } | { readonly kind: 'refused'; readonly why: string };

/** What a person (or a program for them) may do with dead letters. Ids are those of letters or of tasks. */
export interface Operations {
  list(filter: LetterFilter): Promise<readonly Letter[]>;
  find(id: string): Promise<Letter | undefined>;
  show(id: string): Promise<LetterDetails | undefined>;
  /**
   * A task starts again with a new allowance of attempts. A message that was no task is published to exchange `submit`
   * as it came, and goes the way of every submission: it needs a type to be addressed to.
   */
  replay(id: string): Promise<ActionOutcome>;
  /** Nothing will be tried again. Refused for a task that is under way: that is not a dead letter's to end. */
  cancel(id: string, reason: string): Promise<ActionOutcome>;
}

export function createOperations(parts: OperationsParts): Operations {
  const { ledger } = parts;
  return {
    list: ledger.letters.list,
    find: ledger.letters.find,
    show: (id) => show(id, parts),
    replay: (id) => withLetter(id, parts, (letter) => (letter.taskId === null ? replayRaw : replayTask)(letter, parts)),
    cancel: (id, reason) => withLetter(id, parts, (letter) => cancel(letter, reason, parts)),
  };
}

async function show(id: string, { ledger }: OperationsParts): Promise<LetterDetails | undefined> {
  const letter = await ledger.letters.find(id);
  if (!letter) return undefined;
  const { taskId } = letter;
  const [task, runs] =
    taskId === null ? [undefined, []] : await Promise.all([ledger.queries.task(taskId), ledger.queries.runs(taskId)]);
  return { letter, task: task ?? null, runs, advice: adviceOn(letter) };
}

const adviceByState: Readonly<Record<LetterState, string | null>> = {
  received: 'It is about to be decided. If it stays so: see whether the dlq-processor runs.',
  retrying: 'Nothing: it is tried again by itself.',
  parked: null,
  replayed: 'Nothing: it was replayed. If it fails again it will be here again.',
  cancelled: 'Nothing: it was cancelled.',
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
  return letter
    ? await act(letter)
    : { kind: 'refused', why: 'there is no dead letter with this id, nor a task with one' };
}

async function replayTask(letter: Letter, parts: OperationsParts): Promise<ActionOutcome> {
  const { dispatcher, ledger, now } = parts;
  const answer = await ledger.replay(letter.taskId ?? '', { now: now() });
  if (answer.kind === 'refused') return { kind: 'refused', why: answer.why };
  // The letter of this dispatch, if it fails as well, is another matter.
  const note = {
    state: 'replayed',
    resolution: 'replayed by hand',
    dispatch: { before: answer.task.dispatch },
  } as const;
  await ledger.letters.decide(letter.id, note, now());
  try {
    await dispatcher.dispatch(answer.task, await inputOf(answer.task, ledger));
    return { kind: 'done' };
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    return { kind: 'done', note: `its publish is still owed, the sweeper will make it good (${error.message})` };
  }
}

/** Published before it is noted: a crash in between can replay it twice, and intake takes the same message once. */
async function replayRaw(letter: Letter, { ledger, now, publisher }: OperationsParts): Promise<ActionOutcome> {
  if (!isOpen(letter)) return { kind: 'refused', why: `it is ${letter.state} already` };
  if (letter.type === null) {
    return {
      kind: 'refused',
      why: 'it says no task type to be addressed to; submit what was meant anew, then cancel it',
    };
  }
  const known = await taskNamedBy(letter, ledger);
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
  const note = { state: 'replayed', resolution: 'submitted again by hand', timesSeen: letter.timesSeen } as const;
  if (await ledger.letters.decide(letter.id, note, now())) return { kind: 'done' };
  const since = await ledger.letters.find(letter.id);
  if (since === undefined || since.timesSeen === letter.timesSeen) {
    return { kind: 'done', note: `somebody else decided it meanwhile: it is ${since?.state ?? 'gone'}` };
  }
  return { kind: 'refused', why: `it was submitted again and came back, ${since.code}: ${since.reason}` };
}

const someTask = z.object({ task_id: z.guid().toLowerCase() });

async function taskNamedBy({ body }: Letter, { queries }: OperationsParts['ledger']): Promise<Task | undefined> {
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
  if (!isOpen(letter)) return { kind: 'refused', why: `it is ${letter.state} already` };
  const note = { state: 'cancelled', resolution: reason } as const;
  if (letter.taskId === null) {
    const { timesSeen } = letter;
    if (await ledger.letters.decide(letter.id, { ...note, timesSeen }, now())) return { kind: 'done' };
    return { kind: 'refused', why: 'it came again meanwhile, or somebody else decided it: look at it once more' };
  }
  const refusal = await cancelTask(letter.taskId, reason, parts);
  if (refusal !== undefined) return { kind: 'refused', why: refusal };
  await ledger.letters.decide(letter.id, note, now());
  return { kind: 'done' };
}

/** Where a task waits for its letter or its next attempt, and nobody has it. */
const atRest: readonly TaskState[] = ['parked', 'dead-lettered', 'retry-scheduled'];

async function cancelTask(id: string, reason: string, { ledger, now }: OperationsParts): Promise<string | undefined> {
  const answer = await ledger.cancel(id, { now: now(), reason, from: atRest });
  if (answer.kind === 'moved') return undefined;
  const task = await ledger.queries.task(id);
  return `its task is ${task?.state ?? 'unknown'}`;
}

function isOpen({ state }: Letter): boolean {
  return state === 'received' || state === 'retrying' || state === 'parked';
}
