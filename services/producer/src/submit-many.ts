import { statSync } from 'node:fs';
import path from 'node:path';
import {
  type ByteSource,
  CommandError,
  counted,
  exitCodes,
  explain,
  forEachPaced,
  openInput,
  readJsonLines,
  shellQuoted,
  truncate,
  UsageError,
} from '@warren/cli';
import type { IntakeAnswer, Submission } from '@warren/intake';
import { LedgerUnavailable } from '@warren/ledger';
import type { TaskState } from '@warren/tasks';
import { assertSubmittable, defectError } from './explain-defect.js';
import { type Ground, openGround } from './ground.js';
import { assertTimeLeft } from './submission-flags.js';
import { type LineDefaults, readSubmissionLine } from './submission-line.js';
import { adviceOf, settingsOfBoth, type TaskContext } from './task-context.js';

export interface SubmitManyFlags {
  /** A path, or `-` for stdin. */
  readonly from: string;
  /** The same command, reading stdin: `warren task submit … --from -`. */
  readonly fromStdin: string;
  readonly perSecond: number | undefined;
  readonly concurrency: number;
  readonly dryRun: boolean;
}

type Taken = Exclude<IntakeAnswer, { kind: 'rejected' }>;

/** What came of a file of submissions. */
export interface ManySummary {
  accepted: number;
  /** Of the accepted ones: on record, and the broker has not confirmed them yet. */
  unpublished: number;
  duplicates: number;
  rejected: number;
  /** The first of the accepted ones and of the duplicates; empty in a dry run. */
  readonly tasks: TakenLine[];
  /** Of the accepted ones and of the duplicates: those that `tasks` leaves out. */
  tasksLeftOut: number;
  /** The first of the rejected ones. */
  readonly rejections: Rejection[];
}

/** Which task a line became. */
export interface TakenLine {
  /** From 1. */
  readonly line: number;
  readonly id: string;
  /** When it was taken; of a duplicate: the state that its task is in. */
  readonly state: TaskState;
  readonly duplicate: boolean;
}

export interface Rejection {
  readonly line: number;
  readonly field: string | null;
  readonly code: string;
  readonly message: string;
}

/** Tasks that a summary holds, 100 bytes of JSON each; the others are only counted. */
const maxTasks = 100_000;
/** Tasks that a person is shown; of more than that, how to list them. */
const shownTasks = 20;
/** Rejections that a summary holds; the others are only counted. */
const maxRejections = 1_000;
const numbers = new Intl.NumberFormat('en-US');

/** Rejections that a person is shown. */
const shownRejections = 20;
/** Characters of each. */
const maxRejectionChars = 300;

/** What a line calls them; a flag may have given them for all lines. */
const lineFields = { deadline: 'deadline', delayMs: 'delayMs' };

const noneYet = { accepted: 0, unpublished: 0, duplicates: 0, rejected: 0, tasksLeftOut: 0 };

/** `warren task submit --from`: one submission a line, as they come. A bad line is told at the end; the others go on. */
export async function submitMany(defaults: LineDefaults, flags: SubmitManyFlags, context: TaskContext): Promise<void> {
  const { output, world } = context;
  const flag = '--from';
  const total = flags.from === '-' ? undefined : await countLines(path.resolve(world.cwd, flags.from), world.stdin);
  const source = await openInput(flags.from === '-' ? '-' : path.resolve(world.cwd, flags.from), {
    flag,
    stdin: world.stdin,
  });
  const lines = readJsonLines(source, { flag, name: flags.from === '-' ? 'stdin' : flags.from });
  const summary: ManySummary = { ...noneYet, tasks: [], rejections: [] };
  const ground = flags.dryRun ? undefined : await openGroundForMany(summary, context);
  const progress = output.progress({
    label: flags.dryRun ? 'checking' : 'submitting',
    ...(total === undefined ? {} : { total }),
  });
  const signal = world.interruption();
  const startedAt = world.now();
  // Lines are begun in their order, and what is begun is ended: when it stops, these are the first ones.
  let lastLine = 0;
  const tell = () => tellSummary(summary, flags, world.now() - startedAt, context);
  try {
    await forEachPaced(lines, { ...flags, signal }, async (line) => {
      const { rejected: before } = summary;
      lastLine = Math.max(lastLine, line.line);
      try {
        if (!line.ok) throw line.error;
        const submission = readSubmissionLine(line.value, defaults);
        assertTimeLeft(submission.options ?? {}, lineFields, world.now());
        await takeLine(line.line, submission, ground, summary);
      } catch (error) {
        reject(line.line, error, summary);
      }
      progress.advance(1, summary.rejected > before ? `${numbers.format(summary.rejected)} rejected` : undefined);
    });
  } catch (error) {
    progress.end();
    if (doneOf(summary) > 0) tell();
    throw error instanceof LedgerUnavailable ? lostAnswers(error) : error;
  } finally {
    progress.end();
    await ground?.close();
  }
  tell();
  if (signal.aborted) throw interruptedAfter(summary, lastLine, flags, context);
  throwUnlessAllDone(summary, flags);
}

const runAgain = 'run it again: with ids or idempotency keys in the file, what was taken is not taken twice';

function lostAnswers(error: LedgerUnavailable): CommandError {
  const message = `${error.message}. Lines that were under way may be on record`;
  return new CommandError(message, { code: 'network', next: runAgain, cause: error });
}

function interruptedAfter(
  summary: ManySummary,
  lastLine: number,
  { dryRun, from, fromStdin }: SubmitManyFlags,
  { output }: TaskContext,
): CommandError {
  const done = doneOf(summary);
  const rest = `tail -n +${lastLine + 1} ${shellQuoted(from)} | ${output.hint(fromStdin)}`;
  return new CommandError(`interrupted after ${counted(done + summary.rejected, 'line')} of ${from}`, {
    code: 'interrupted',
    next: dryRun || from === '-' || lastLine === 0 ? runAgain : `go on behind them, which doubles none: \`${rest}\``,
    exitCode: done > 0 ? exitCodes.partlyDone : exitCodes.failed,
  });
}

const lineFeed = 0x0a;

/** For the progress bar alone, so blank lines count as well. Undefined for a pipe, which can be read only once. */
async function countLines(file: string, stdin: ByteSource): Promise<number | undefined> {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined;
  let lines = 0;
  let last = lineFeed;
  for await (const chunk of await openInput(file, { flag: '--from', stdin })) {
    const bytes = Buffer.from(chunk);
    for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) lines += 1;
    last = bytes.at(-1) ?? last;
  }
  return last === lineFeed ? lines : lines + 1;
}

function openGroundForMany(summary: ManySummary, context: TaskContext): Promise<Ground> {
  return openGround(settingsOfBoth(context), {
    now: context.world.now,
    adviceWhenSilent: adviceOf(context),
    onPublishFailed: () => {
      summary.unpublished += 1;
    },
  });
}

async function takeLine(
  line: number,
  submission: Submission,
  ground: Ground | undefined,
  summary: ManySummary,
): Promise<void> {
  assertSubmittable(submission);
  if (ground === undefined) {
    summary.accepted += 1;
    return;
  }
  const answer = await ground.intake.submit(submission);
  switch (answer.kind) {
    case 'accepted':
      summary.accepted += 1;
      return noteTask(line, answer, summary);
    case 'duplicate':
      summary.duplicates += 1;
      return noteTask(line, answer, summary);
    case 'rejected':
      if (answer.defect.code === 'overloaded') throw new CommandError(answer.defect.message, { code: 'overloaded' });
      throw defectError(answer.defect, submission);
  }
}

function noteTask(line: number, { kind, task }: Taken, summary: ManySummary): void {
  if (summary.tasks.length >= maxTasks) summary.tasksLeftOut += 1;
  else summary.tasks.push({ line, id: task.id, state: task.state, duplicate: kind === 'duplicate' });
}

/** A line that is wrong is one line's trouble; anything else is everybody's and goes on up. */
function reject(line: number, error: unknown, summary: ManySummary): void {
  if (!(error instanceof UsageError)) throw error;
  summary.rejected += 1;
  if (summary.rejections.length >= maxRejections) return;
  const { code, field, message } = explain(error);
  summary.rejections.push({ line, field: field ?? null, code, message: message.slice(0, maxRejectionChars) });
}

function tellSummary(
  summary: ManySummary,
  { from, dryRun }: SubmitManyFlags,
  tookMs: number,
  { output }: TaskContext,
): void {
  const { accepted, duplicates, rejected, unpublished, rejections } = summary;
  const parts = [
    `${numbers.format(accepted)} ${dryRun ? 'would be taken' : 'accepted'}`,
    ...(duplicates > 0 || !dryRun ? [counted(duplicates, 'duplicate')] : []),
    `${numbers.format(rejected)} rejected`,
    ...(unpublished > 0 ? [`${numbers.format(unpublished)} on record and not yet published`] : []),
  ];
  const sorted = rejections.toSorted((a, b) => a.line - b.line);
  const tasks = summary.tasks.toSorted((a, b) => a.line - b.line);
  const shown = doneOf(summary) > shownTasks ? [] : tasks.map(taskLine);
  output.result({ dryRun, ...summary, tasks, rejections: sorted }, [parts.join(', '), ...shown].join('\n'));
  if (output.json) return;
  if (tasks.length > 0 && shown.length === 0) output.note(howToList(tookMs));
  const name = from === '-' ? 'stdin' : from;
  for (const { line, message } of sorted.slice(0, shownRejections)) {
    output.note(
      `${name}:${line}: ${truncate(message.replace(`--from: ${name}:${line}: `, '').replaceAll('\n', '; '), 200)}`,
    );
  }
  if (rejected > shownRejections)
    output.note(
      `and ${numbers.format(rejected - shownRejections)} more; --json lists up to ${numbers.format(maxRejections)}`,
    );
}

function taskLine({ line, id, state, duplicate }: TakenLine): string {
  return `  line ${line}: ${id}  ${state}${duplicate ? ', submitted before' : ''}`;
}

/** Duplicates are older than this; `--json` names them too. */
function howToList(tookMs: number): string {
  const minutes = Math.ceil(tookMs / 60_000) + 1;
  return `"warren task list --since ${minutes}m --limit 1000" lists them; with --json this command names the task of each line`;
}

function doneOf({ accepted, duplicates }: ManySummary): number {
  return accepted + duplicates;
}

function throwUnlessAllDone(summary: ManySummary, { from, dryRun }: SubmitManyFlags): void {
  const done = doneOf(summary);
  const { rejected } = summary;
  if (done + rejected === 0) throw new UsageError(`--from: ${from} holds no line`, { field: '--from' });
  if (rejected === 0) return;
  const next = dryRun ? 'correct what is rejected' : 'correct what is rejected and submit it alone';
  if (done === 0)
    throw new UsageError(
      `--from: ${rejected === 1 ? 'the only line was' : `all ${counted(rejected, 'line')} were`} rejected`,
      {
        field: '--from',
        next,
      },
    );
  throw new CommandError(
    `${numbers.format(rejected)} of ${counted(done + rejected, 'line')} ${rejected === 1 ? 'was' : 'were'} rejected`,
    {
      code: 'partly-done',
      field: '--from',
      next,
      exitCode: exitCodes.partlyDone,
    },
  );
}
