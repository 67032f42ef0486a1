import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, exitCodes, formatRoughly } from '@warren/cli';
import { type IntakeAnswer, newTaskId, type Submission } from '@warren/intake';
import { LedgerUnavailable, type Task } from '@warren/ledger';
import type { BuiltSubmission } from './build-submission.js';
import { assertSubmittable, defectError } from './explain-defect.js';
import { follow } from './follow.js';
import { type Ground, openGround } from './ground.js';
import { createNarrator } from './narrate.js';
import { resultText } from './result-text.js';
import { standingOf } from './standing.js';
import { adviceOf, followAdvice, settingsOfBoth, stackDown, type TaskContext } from './task-context.js';

export interface SubmitOneFlags {
  readonly dryRun: boolean;
  readonly wait: boolean;
  /** How long `wait` waits, in milliseconds; undefined: until the task is done. */
  readonly timeoutMs: number | undefined;
}

type Taken = Exclude<IntakeAnswer, { kind: 'rejected' }>;

/** `warren task submit` for one task. */
export async function submitOne(built: BuiltSubmission, flags: SubmitOneFlags, context: TaskContext): Promise<void> {
  const { submission } = built;
  assertSubmittable(submission, built);
  if (flags.dryRun) return tellDryRun(submission, context);

  const failures: unknown[] = [];
  const ground = await openGround(settingsOfBoth(context), {
    now: context.world.now,
    adviceWhenSilent: adviceOf(context),
    onPublishFailed: (_task, error) => failures.push(error),
  });
  try {
    const taken = await submit(built, ground);
    tellTaken(taken, failures[0], context);
    if (flags.wait) await waitForEnd(taken, flags.timeoutMs, ground, context);
    else context.output.result(recordOf(taken), taken.task.id);
  } finally {
    await ground.close();
  }
}

function tellDryRun(submission: Submission, { output }: TaskContext): void {
  output.note(`dry run: this ${submission.type} task would be taken; nothing was recorded or published`);
  output.result({ dryRun: true, ...submission }, JSON.stringify(submission, undefined, 2));
}

/** Under an id that is known before: where the answer to a commit is lost, it is how the task can be asked for. */
async function submit(built: BuiltSubmission, ground: Ground): Promise<Taken> {
  const { submission } = built;
  const id = submission.id ?? newTaskId();
  const answer = await ground.intake.submit({ ...submission, id }).catch((error: unknown) => {
    throw error instanceof LedgerUnavailable ? lostAnswer(error, id) : error;
  });
  if (answer.kind !== 'rejected') return answer;
  const { defect } = answer;
  if (defect.code !== 'overloaded') throw defectError(defect, submission, built);
  throw new CommandError(defect.message, {
    code: defect.code,
    next: 'see that the broker and the dlq-processor run: what is owed is published then',
  });
}

function lostAnswer(error: LedgerUnavailable, id: string): CommandError {
  return new CommandError(`${error.message}. The task may be on record`, {
    code: 'network',
    next: `submit it again with --id ${id}: if it is on record, nothing is started twice`,
    cause: error,
  });
}

function tellTaken(taken: Taken, publishFailure: unknown, { output, world }: TaskContext): void {
  if (output.json) return;
  const { task } = taken;
  if (taken.kind === 'duplicate') {
    output.note(`the same task was submitted before: nothing new was started. It is ${task.state}`);
    return;
  }
  const when = task.state === 'scheduled' ? `: ${standingOf(task, {}, world.now()).says}` : '';
  output.note(`${task.type} task accepted${when}`);
  if (!taken.published) output.note(`it is on record, but not yet published: ${messageOf(publishFailure)}`);
}

/** What a program is told of a submission. */
function recordOf(taken: Taken) {
  const { id, type, state } = taken.task;
  return {
    id,
    type,
    state,
    duplicate: taken.kind === 'duplicate',
    published: taken.kind === 'duplicate' ? taken.task.publishedAt !== null : taken.published,
  };
}

async function waitForEnd(
  taken: Taken,
  timeoutMs: number | undefined,
  ground: Ground,
  context: TaskContext,
): Promise<void> {
  const { output, world } = context;
  const interruption = world.interruption();
  const signals = timeoutMs === undefined ? [interruption] : [interruption, AbortSignal.timeout(timeoutMs)];
  const signal = AbortSignal.any(signals);
  const narrator = createNarrator(output, world);
  try {
    const { connection, ledger } = ground;
    const { patience, pollMs } = world;
    const advice = followAdvice(context);
    const brokerCause = stackDown(context);
    const parts = { ledger, connection, pollMs, patience, now: world.now, brokerCause, advice, signal };
    const task = await follow(taken.task.id, parts, narrator);
    narrator.end();
    await tellEnd(taken, task, ground, context);
  } catch (error) {
    narrator.end();
    if (!signal.aborted) throw error;
    throw interruption.aborted
      ? new CommandError('you stopped waiting; the task goes on', {
          code: 'interrupted',
          next: watchCommand(taken.task.id),
        })
      : await lateness(taken.task.id, timeoutMs ?? 0, ground, context);
  }
}

async function tellEnd(taken: Taken, task: Task, { ledger }: Ground, { output, world }: TaskContext): Promise<void> {
  const found = await ledger.queries.result(task.id).catch((error: unknown) => {
    throw error instanceof LedgerUnavailable ? unreadResult(task, error) : error;
  });
  const result: unknown = found === undefined ? undefined : JSON.parse(found.result);
  const { attempt, reasonCode: code, reason } = task;
  const cost: unknown = found?.cost ? JSON.parse(found.cost) : null;
  const record = { ...recordOf(taken), state: task.state, attempt, code, reason, cost, result };
  output.result(record, result === undefined ? '' : resultText(task.type, result, output));
  if (task.state === 'completed') return;
  const { says, next } = standingOf(task, {}, world.now());
  throw new CommandError(`task ${task.id} is ${task.state}: ${says}`, {
    code: code ?? task.state,
    next: next ?? `warren task show ${task.id}`,
    exitCode: exitCodes.failed,
  });
}

function unreadResult({ id, state }: Task, error: LedgerUnavailable): CommandError {
  return new CommandError(`task ${id} is ${state}, and its result can't be read: ${error.message}`, {
    code: 'network',
    next: `warren task result ${id}`,
    cause: error,
  });
}

/** How long a last look at the ledger may take, in milliseconds. */
const lastLookMs = 2_000;

async function lateness(id: string, ms: number, { ledger }: Ground, { world }: TaskContext): Promise<CommandError> {
  const look = ledger.queries.task(id).catch(() => undefined);
  const task = await Promise.race([look, sleep(lastLookMs, undefined, { ref: false })]);
  const where = task === undefined ? '' : `: it is ${task.state}, ${standingOf(task, {}, world.now()).says}`;
  return new CommandError(`task ${id} is not done after ${formatRoughly(ms)}${where}; it goes on`, {
    code: 'timeout',
    next: watchCommand(id),
  });
}

function watchCommand(id: string): string {
  return `warren task watch ${id}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
