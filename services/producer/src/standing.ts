import { counted, formatAge, formatRoughly, formatTime } from '@warren/cli';
import { replayMayHelp } from '@warren/dead-letters';
import type { AttemptRun, Task } from '@warren/ledger';
import { findTaskType } from '@warren/tasks';
import { workQueue } from '@warren/topology';
import { progressText, readProgress } from './progress-text.js';

/** Where a task stands and why, in words for a person. */
export interface Standing {
  /** Continues the state's name: `waits in queue tasks.summarize behind 12 others`. */
  readonly says: string;
  /** What to do about it, where there is something to do: words, and commands as `warren …`, each on a line or quoted. */
  readonly next: string | undefined;
}

/** What is known beside the task's own row; every part may be missing. */
export interface StandingFacts {
  /** How many tasks its queue serves before it. `atLeast`: there are more than were counted. */
  readonly ahead?: { readonly count: number; readonly atLeast: boolean };
  /** Workers that consume its queue, as the broker counted them last. */
  readonly consumers?: number;
  /** The newest run. */
  readonly lastRun?: AttemptRun;
  /** What the dead-letter rules advise. */
  readonly advice?: string;
}

/** A debt or a decision that takes longer than this means that somebody is not there, in milliseconds. */
const soonMs = 10_000;

/** A move as one line among others, for who follows a task: without what the lines after it tell. */
export function moveWords(task: Task, now: number): string {
  if (task.state !== 'running' || task.lease === null) return `${task.state}: ${standingOf(task, {}, now).says}`;
  // A run that was lost is the one before this only where its token is: a task lives on after a takeover.
  if (task.lostTokens.at(-1) === task.token - 1) {
    return `running: ${attemptWords(task)} taken over by another worker, ${task.lease.owner}; the run before it was lost`;
  }
  return `running on ${task.lease.owner}${task.attempt > 1 ? ` (${attemptWords(task)})` : ''}`;
}

/** Why a task waits, runs or ended. Pure: `now` is in epoch milliseconds. */
export function standingOf(task: Task, facts: StandingFacts, now: number): Standing {
  switch (task.state) {
    case 'accepted':
      return owed(task, now);
    case 'scheduled':
      return task.dueAt > now
        ? says(`starts ${instant(task.dueAt, now)}, as its submitter asked`)
        : queued(task, facts);
    case 'queued':
      return queued(task, facts);
    case 'running':
      return running(task, facts, now);
    case 'snoozed':
      return task.dueAt > now
        ? says(`comes back ${inTime(task.dueAt, now)}: ${task.reason ?? 'its worker put it off'}`)
        : queued(task, facts);
    case 'dead-lettered':
      return deadLettered(task, now);
    case 'retry-scheduled':
      return task.dueAt > now
        ? says(`tried again ${inTime(task.dueAt, now)} (${attemptWords(task)})${because(task)}`)
        : queued(task, facts, `for ${attemptWords(task)}${because(task)}`);
    case 'parked':
      return parked(task, facts);
    case 'completed':
      return completed(task);
    case 'cancelled':
      return says(task.reason ?? 'somebody cancelled it');
    case 'discarded':
      return says(task.reason ?? 'nobody needs it any more');
  }
}

function says(words: string, next?: string): Standing {
  return { says: words, next };
}

/** The confirm is noted with the ledger's next batch, so a young debt says nothing. */
function owed(task: Task, now: number): Standing {
  const waited = now - task.dispatchedAt;
  if (waited < soonMs) return says(`on its way to queue ${workQueue(task.type)}`);
  return says(
    `on record for ${formatRoughly(waited)}, and the broker has not confirmed it`,
    'the DLQ processor publishes it again; "warren status" shows whether that runs',
  );
}

function queued(task: Task, { ahead, consumers }: StandingFacts, what = ''): Standing {
  const queue = workQueue(task.type);
  const words = [`waits in queue ${queue}`, positionWords(ahead), what].filter((part) => part !== '').join(' ');
  if (consumers !== 0) return says(words);
  return says(`${words}; no worker takes from that queue`, `start a ${task.type} worker: "warren up" starts one`);
}

function positionWords(ahead: StandingFacts['ahead']): string {
  if (ahead === undefined) return '';
  if (ahead.count === 0) return 'and is the next';
  return `behind ${ahead.atLeast ? 'at least ' : ''}${counted(ahead.count, 'other')}`;
}

function running(task: Task, { lastRun }: StandingFacts, now: number): Standing {
  const { lease } = task;
  const since = lastRun?.outcome === 'running' ? ` for ${formatRoughly(now - lastRun.startedAt)}` : '';
  const step = readProgress(task.progress);
  const doing = step === undefined ? '' : `: ${progressText(step)}`;
  const attempt = task.attempt > 1 ? ` (${attemptWords(task)})` : '';
  if (lease === null) return says(`runs${since}${attempt}${doing}`);
  if (isWorkerSilent(task, now)) return says(`${silenceWords(task, lease)}${crashWords(task)}`);
  if (lease.until > now) {
    const held = `lease until ${clock(lease.until)}`;
    return says(`runs on ${lease.owner}${since}${attempt}, ${held}${doing}`);
  }
  const gone = `${lease.owner} has not been heard of since its lease ended ${formatAge(lease.until, now)} ago`;
  return says(`${gone}; another worker takes over${crashWords(task)}`);
}

/** Renewed at a third of the lease; later than at half of it, something holds its worker up or has ended it. */
const renewedWithin = 1 / 2;

/** Whether the worker of a running task has not renewed a lease that still holds. Pure: `now` is in epoch milliseconds. */
export function isWorkerSilent({ lease, state, type }: Task, now: number): boolean {
  const leaseMs = findTaskType(type)?.policy.leaseMs;
  if (state !== 'running' || lease === null || leaseMs === undefined) return false;
  const left = lease.until - now;
  return left > 0 && left < leaseMs * (1 - renewedWithin);
}

function silenceWords({ type }: Task, { owner, until }: NonNullable<Task['lease']>): string {
  const leaseMs = findTaskType(type)?.policy.leaseMs ?? 0;
  return `${owner} has not been heard of since ${clock(until - leaseMs)}; another worker takes over at the latest when its lease ends, at ${clock(until)}`;
}

/** What who follows a task is told when its worker falls silent; undefined where it has not. */
export function silenceLine(task: Task, now: number): string | undefined {
  return task.lease !== null && isWorkerSilent(task, now) ? `running: ${silenceWords(task, task.lease)}` : undefined;
}

function crashWords({ lostTokens }: Task): string {
  return lostTokens.length === 0 ? '' : ` (${counted(lostTokens.length, 'run')} of it started and never ended)`;
}

function deadLettered(task: Task, now: number): Standing {
  const words = `${attemptWords(task)} failed${because(task)}; what follows is being decided`;
  if (now - task.dispatchedAt < soonMs) return says(words);
  return says(words, 'the DLQ processor decides; "warren status" shows whether it runs');
}

function parked(task: Task, { advice }: StandingFacts): Standing {
  const words = `waits for a person${because(task)}`;
  const look = `warren dead-letters show ${task.id}`;
  const again = `warren dead-letters replay ${task.id}`;
  const lines = [advice, look, task.reasonCode !== null && replayMayHelp(task.reasonCode) ? again : undefined];
  return says(words, lines.filter((line) => line !== undefined).join('\n'));
}

/** What a person did by hand says so, and need not have a result. */
function completed(task: Task): Standing {
  return task.reason === null ? says(tookWords(task), `warren task result ${task.id}`) : says(task.reason);
}

function because({ reasonCode, reason }: Task): string {
  if (reasonCode === null) return '';
  return reason === null || reason === ''
    ? ` because ${reasonCode}`
    : ` because ${reasonCode}: ${reason.replace(/\.$/, '')}`;
}

/** `attempt 3 of 5`; after a replay its number counts on, and the allowance begins anew: `attempt 6 (1 of 5 since the replay)`. */
export function attemptWords({ attempt, allowanceFrom, type }: Task): string {
  const max = findTaskType(type)?.policy.maxAttempts;
  const nth = attempt - allowanceFrom + 1;
  if (max === undefined) return `attempt ${attempt}`;
  return allowanceFrom === 1
    ? `attempt ${attempt} of ${max}`
    : `attempt ${attempt} (${nth} of ${max} since the replay)`;
}

function tookWords({ attempt, createdAt, finishedAt, lostTokens }: Task): string {
  const took = finishedAt === null ? '' : `after ${formatRoughly(finishedAt - createdAt)}, `;
  const lost = lostTokens.length;
  const losses = lost === 0 ? '' : ` (${lost === 1 ? 'one run was' : `${lost} runs were`} lost)`;
  return `${took}on ${attempt === 1 ? 'the first attempt' : `attempt ${attempt}`}${losses}`;
}

/** `in 8s`: whole seconds, for the last one has begun already. */
function inTime(at: number, now: number): string {
  return `in ${formatRoughly(Math.ceil((at - now) / 1_000) * 1_000)}`;
}

/** `in 5m (2026-03-01T09:30:00Z)`. */
function instant(at: number, now: number): string {
  return `${inTime(at, now)} (${formatTime(at)})`;
}

/** `09:30:00Z`. */
function clock(at: number): string {
  return formatTime(at).slice(11);
}
