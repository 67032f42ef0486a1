import { statSync } from 'node:fs';
import path from 'node:path';
import {
  type ByteSource,
  CommandError,
  counted,
  exitCodes,
  explain,
  openInput,
  readJsonLines,
  truncate,
  UsageError,
} from '@warren/cli';
import type { Submission } from '@warren/intake';
import { LedgerUnavailable } from '@warren/ledger';
import { forEachPaced } from './bounded-pace.js';
import { assertSubmittable, defectError } from './explain-defect.js';
import { type Ground, openGround } from './ground.js';
import { type LineDefaults, readSubmissionLine } from './submission-line.js';
import { settingsOfBoth, type TaskContext } from './task-context.js';

export interface SubmitManyFlags {
  /** A path, or `-` for stdin. */
  readonly from: string;
  readonly perSecond: number | undefined;
  readonly concurrency: number;
  readonly dryRun: boolean;
}

/** What came of a file of submissions. */
export interface ManySummary {
  accepted: number;
  /** Of the accepted ones: on record, and the broker has not confirmed them yet. */
  unpublished: number;
  duplicates: number;
  rejected: number;
  /** The first of the rejected ones. */
  readonly rejections: Rejection[];
}

export interface Rejection {
  readonly line: number;
  readonly field: string | null;
  readonly code: string;
  readonly message: string;
}

/** Rejections that a summary holds; the others are only counted. */
const maxRejections = 1_000;
/** Rejections that a person is shown. */
const shownRejections = 20;
/** Characters of each. */
const maxRejectionChars = 300;

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
  const summary: ManySummary = { accepted: 0, unpublished: 0, duplicates: 0, rejected: 0, rejections: [] };
  const ground = flags.dryRun ? undefined : await openGroundForMany(summary, context);
  const progress = output.progress({
    label: flags.dryRun ? 'checking' : 'submitting',
    ...(total === undefined ? {} : { total }),
  });
  const signal = world.interruption();
  try {
    await forEachPaced(lines, { ...flags, signal }, async (line) => {
      const { rejected: before } = summary;
      try {
        if (!line.ok) throw line.error;
        await takeLine(readSubmissionLine(line.value, defaults), ground, summary);
      } catch (error) {
        reject(line.line, error, summary);
      }
      progress.advance(1, summary.rejected > before ? `${summary.rejected} rejected` : undefined);
    });
  } catch (error) {
    progress.end();
    if (doneOf(summary) > 0) tellSummary(summary, flags, context);
    throw error instanceof LedgerUnavailable ? lostAnswers(error) : error;
  } finally {
    progress.end();
    await ground?.close();
  }
  tellSummary(summary, flags, context);
  throwUnlessAllDone(summary, signal.aborted, flags);
}

const runAgain = 'run it again: with ids or idempotency keys in the file, what was taken is not taken twice';

function lostAnswers(error: LedgerUnavailable): CommandError {
  const message = `${error.message}. Lines that were under way may be on record`;
  return new CommandError(message, { code: 'network', next: runAgain, cause: error });
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
    onPublishFailed: () => {
      summary.unpublished += 1;
    },
  });
}

async function takeLine(submission: Submission, ground: Ground | undefined, summary: ManySummary): Promise<void> {
  assertSubmittable(submission);
  if (ground === undefined) {
    summary.accepted += 1;
    return;
  }
  const answer = await ground.intake.submit(submission);
  switch (answer.kind) {
    case 'accepted':
      summary.accepted += 1;
      return;
    case 'duplicate':
      summary.duplicates += 1;
      return;
    case 'rejected':
      if (answer.defect.code === 'overloaded') throw new CommandError(answer.defect.message, { code: 'overloaded' });
      throw defectError(answer.defect, submission);
  }
}

/** A line that is wrong is one line's trouble; anything else is everybody's and goes on up. */
function reject(line: number, error: unknown, summary: ManySummary): void {
  if (!(error instanceof UsageError)) throw error;
  summary.rejected += 1;
  if (summary.rejections.length >= maxRejections) return;
  const { code, field, message } = explain(error);
  summary.rejections.push({ line, field: field ?? null, code, message: message.slice(0, maxRejectionChars) });
}

function tellSummary(summary: ManySummary, { from, dryRun }: SubmitManyFlags, { output }: TaskContext): void {
  const { accepted, duplicates, rejected, unpublished, rejections } = summary;
  const parts = [
    `${accepted} ${dryRun ? 'would be taken' : 'accepted'}`,
    ...(duplicates > 0 || !dryRun ? [counted(duplicates, 'duplicate')] : []),
    `${rejected} rejected`,
    ...(unpublished > 0 ? [`${unpublished} on record and not yet published`] : []),
  ];
  const sorted = rejections.toSorted((a, b) => a.line - b.line);
  output.result({ dryRun, ...summary, rejections: sorted }, parts.join(', '));
  if (output.json) return;
  const name = from === '-' ? 'stdin' : from;
  for (const { line, message } of sorted.slice(0, shownRejections)) {
    output.note(
      `${name}:${line}: ${truncate(message.replace(`--from: ${name}:${line}: `, '').replaceAll('\n', '; '), 200)}`,
    );
  }
  if (rejected > shownRejections)
    output.note(`and ${rejected - shownRejections} more; --json lists up to ${maxRejections}`);
}

function doneOf({ accepted, duplicates }: ManySummary): number {
  return accepted + duplicates;
}

function throwUnlessAllDone(summary: ManySummary, isInterrupted: boolean, { from, dryRun }: SubmitManyFlags): void {
  const done = doneOf(summary);
  const { rejected } = summary;
  if (isInterrupted) {
    throw new CommandError(`interrupted after ${counted(done + rejected, 'line')} of ${from}`, {
      code: 'interrupted',
      next: runAgain,
      exitCode: done > 0 ? exitCodes.partlyDone : exitCodes.failed,
    });
  }
  if (done + rejected === 0) throw new UsageError(`--from: ${from} holds no line`, { field: '--from' });
  if (rejected === 0) return;
  const next = dryRun ? 'correct what is rejected' : 'correct what is rejected and submit it alone';
  if (done === 0)
    throw new UsageError(`--from: ${rejected === 1 ? 'the only line was' : `all ${rejected} lines were`} rejected`, {
      field: '--from',
      next,
    });
  throw new CommandError(
    `${rejected} of ${counted(done + rejected, 'line')} ${rejected === 1 ? 'was' : 'were'} rejected`,
    {
      code: 'partly-done',
      field: '--from',
      next,
      exitCode: exitCodes.partlyDone,
    },
  );
}
