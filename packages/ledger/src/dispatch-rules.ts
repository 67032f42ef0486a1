import { type Failure, isFinal, type ReasonCode, type TaskState } from '@warren/tasks';
import type { ByHand, HandActName } from './hand-act.js';
import type { Decision, Effect, Task } from './task.js';

/**
 * The rules of dispatch and lease, as pure functions from a task to a decision. The ledger runs each one inside a
 * transaction that holds the task's row, so a decision and its writes are one step for everybody else.
 *
 * Two invariants carry everything:
 * - whoever moves a task names the dispatch or the token it believes in, and is refused when it is not the present one;
 * - a move writes down the publish that it owes before anybody publishes, so a crash leaves a debt, never a loss.
 */

/** From its second crash on a task runs alone, so that it takes no neighbour along. */
const crashesBeforeAlone = 2;

export interface ClaimRequest {
  readonly dispatch: number;
  readonly copy: string;
  readonly redelivered: boolean;
  /** Names the process, and no other one before or after it. */
  readonly owner: string;
  readonly now: number;
  readonly leaseMs: number;
  readonly maxCrashes: number;
  /** True when the worker runs nothing else at the moment. */
  readonly alone: boolean;
}

export type ClaimAnswer =
  /** Work it. `task` is the row with the new token and lease. */
  | { readonly kind: 'run'; readonly task: Task }
  /** Superseded or finished: acknowledge, the handler does not run. */
  | { readonly kind: 'stale' }
  /** Somebody works it under a live lease: put this copy back behind the lease's end. */
  | { readonly kind: 'held'; readonly task: Task; readonly until: number }
  /** It came before its time: put it back until then. */
  | { readonly kind: 'early'; readonly task: Task; readonly until: number }
  /** It crashed before: claim it again when the worker runs nothing else. */
  | { readonly kind: 'alone' }
  /** It will not be worked: its dead letter is owed. */
  | { readonly kind: 'dead-lettered'; readonly task: Task; readonly code: ReasonCode }
  /** The ledger does not know the task, or not yet this dispatch: the message is parked whole. */
  | { readonly kind: 'unknown' };

export function decideClaim(task: Task | undefined, request: ClaimRequest): Decision<ClaimAnswer> {
  if (!task || request.dispatch > task.dispatch) return { answer: { kind: 'unknown' } };
  if (request.dispatch < task.dispatch || !isClaimable(task.state)) return { answer: { kind: 'stale' } };

  const { now } = request;
  const presentRun = task.state === 'running' ? judgePresentRun(task, request) : undefined;
  if (presentRun === 'held') return { answer: { kind: 'held', task, until: task.lease?.until ?? now } };
  if (!presentRun && task.dueAt > now) return { answer: { kind: 'early', task, until: task.dueAt } };

  const { token } = task;
  const lostTokens = presentRun === 'lost' ? [...task.lostTokens, token] : task.lostTokens;
  const ended: Effect[] = presentRun ? [{ kind: 'run-ended', token, outcome: presentRun, at: now }] : [];
  if (hasExpired(task, now)) return deadLetter({ ...task, lostTokens }, 'expired', expiryReason(task, now), now, ended);
  if (lostTokens.length >= request.maxCrashes) {
    return deadLetter(
      { ...task, lostTokens },
      'poison',
      `${lostTokens.length} runs started and never ended`,
      now,
      ended,
    );
  }
  if (lostTokens.length >= crashesBeforeAlone && !request.alone) return { answer: { kind: 'alone' } };
  return startRun({ ...task, lostTokens }, request, ended);
}

function isClaimable(state: TaskState): boolean {
  return !isFinal(state) && state !== 'parked' && state !== 'dead-lettered';
}

/**
 * What a claim makes of the run that the row shows: it keeps the task (`held`), or the task is taken over.
 *
 * `redelivered` is the broker's word that the channel of an earlier delivery is gone. It speaks of one copy of the
 * message only: a second copy that is redelivered says nothing about the worker that holds the first, so the copy has
 * to be the one under which the lease was taken.
 *
 * Nor does it say that the worker died: its connection may have been cut. Taking over from a living worker costs a run,
 * calling its task poison costs the task. So the run that would be one crash too many is given up only when its lease
 * ends as well, which a living worker prevents.
 */
function judgePresentRun(task: Task, request: ClaimRequest): 'held' | 'lost' | 'superseded' {
  const sameCopy = task.lease?.copy === request.copy;
  // The owner itself asks: it never heard that it got the task, or has lost its connection since. It lives.
  if (sameCopy && task.lease?.owner === request.owner) return 'superseded';
  const live = task.lease !== null && task.lease.until > request.now;
  const channelGone = request.redelivered && sameCopy;
  const oneTooMany = task.lostTokens.length + 1 >= request.maxCrashes;
  return live && (!channelGone || oneTooMany) ? 'held' : 'lost';
}

function startRun(task: Task, request: ClaimRequest, effects: readonly Effect[]): Decision<ClaimAnswer> {
  const { now, owner } = request;
  const token = task.token + 1;
  const patch = {
    state: 'running',
    token,
    lease: { owner, copy: request.copy, until: now + request.leaseMs },
    lostTokens: task.lostTokens,
    // The message has arrived, so its publish is no longer owed, whether or not anyone noted the confirm.
    owed: null,
    publishedAt: task.publishedAt ?? Math.max(now, task.dispatchedAt),
    startedAt: task.startedAt ?? now,
    updatedAt: now,
  } satisfies Partial<Task>;
  const run = {
    taskId: task.id,
    token,
    attempt: task.attempt,
    dispatch: task.dispatch,
    worker: owner,
    startedAt: now,
    endedAt: null,
    outcome: 'running',
    code: null,
    error: null,
    stack: null,
    retryAfterMs: null,
  } as const;
  return {
    answer: { kind: 'run', task: { ...task, ...patch } },
    patch,
    effects: [...effects, { kind: 'run-started', run }],
    forgettable: true,
  };
}

/** A task that was picked up in time and lost its worker has met its `expires`; its deadline still counts. */
function hasExpired(task: Task, now: number): boolean {
  if (task.deadlineAt !== null && task.deadlineAt <= now) return true;
  if (task.expiresMs === null || task.state === 'running') return false;
  return now - waitingSince(task, now) > task.expiresMs;
}

/** From its publish, as the broker counts: what is still owed waits for nobody. */
function waitingSince(task: Task, now: number): number {
  return Math.max(task.dueAt, task.dispatchedAt, task.publishedAt ?? now);
}

function expiryReason(task: Task, now: number): string {
  return task.deadlineAt !== null && task.deadlineAt <= now
    ? `its deadline passed ${now - task.deadlineAt} ms before a worker had time for it`
    : `it waited ${now - waitingSince(task, now)} ms for a worker; it was to wait ${task.expiresMs} ms at most`;
}

function deadLetter(
  task: Task,
  code: ReasonCode,
  reason: string,
  now: number,
  effects: readonly Effect[],
): Decision<ClaimAnswer> {
  const patch = { ...owing(task, 'dead-lettered', 'dead', now), lostTokens: task.lostTokens, reasonCode: code, reason };
  return { answer: { kind: 'dead-lettered', task: { ...task, ...patch }, code }, patch, effects };
}

/** The part that every move shares: next dispatch, no lease, and the publish that is now owed. */
function owing(task: Task, state: TaskState, owed: Task['owed'], now: number, dueAt = 0): Partial<Task> {
  return {
    state,
    dispatch: task.dispatch + 1,
    lease: null,
    owed,
    dispatchedAt: now,
    dueAt,
    publishedAt: null,
    progress: null,
    updatedAt: now,
  };
}

/** What a worker that holds a token may say about its run. */
export type RunAnswer = { readonly kind: 'done'; readonly task: Task } | { readonly kind: 'refused' };

export interface RunRequest {
  readonly token: number;
  readonly now: number;
}

export function decideRenew(task: Task | undefined, request: RunRequest & { leaseMs: number }): Decision<RunAnswer> {
  if (!task?.lease || !holds(task, request)) return refused(task, request);
  const patch = { lease: { ...task.lease, until: request.now + request.leaseMs } };
  return { answer: { kind: 'done', task: { ...task, ...patch } }, patch, forgettable: true };
}

export function decideProgress(
  task: Task | undefined,
  request: RunRequest & { progress: string },
): Decision<RunAnswer> {
  if (!task || !holds(task, request)) return refused(task, request);
  const patch = { progress: request.progress, updatedAt: request.now };
  return { answer: { kind: 'done', task: { ...task, ...patch } }, patch, forgettable: true };
}

export function decideComplete(
  task: Task | undefined,
  request: RunRequest & { result: string; cost: string | null },
): Decision<RunAnswer> {
  if (!task || !holds(task, request)) return refused(task, request);
  const { now, token } = request;
  const patch = {
    state: 'completed',
    lease: null,
    owed: null,
    progress: null,
    reasonCode: null,
    reason: null,
    updatedAt: now,
    finishedAt: now,
  } satisfies Partial<Task>;
  return {
    answer: { kind: 'done', task: { ...task, ...patch } },
    patch,
    effects: [
      { kind: 'run-ended', token, outcome: 'completed', at: now },
      { kind: 'result', result: request.result, cost: request.cost, at: now },
    ],
  };
}

/** The attempt failed: what becomes of the task is the DLQ processor's decision, so its dead letter is owed. */
export function decideFail(task: Task | undefined, request: RunRequest & { failure: Failure }): Decision<RunAnswer> {
  if (!task || !holds(task, request)) return refused(task, request);
  const { failure, now, token } = request;
  const patch = {
    ...owing(task, 'dead-lettered', 'dead', now),
    reasonCode: failure.code,
    reason: failure.message,
  };
  return {
    answer: { kind: 'done', task: { ...task, ...patch } },
    patch,
    effects: [{ kind: 'run-ended', token, outcome: 'failed', at: now, failure }],
  };
}

/** The task met a limit and comes back later: no slot is held, no attempt is used. */
export function decideSnooze(
  task: Task | undefined,
  request: RunRequest & { dueAt: number; reason: string },
): Decision<RunAnswer> {
  if (!task || !holds(task, request)) return refused(task, request);
  const { dueAt, now, reason, token } = request;
  const patch = { ...owing(task, 'snoozed', 'delayed', now, dueAt), reason };
  return {
    answer: { kind: 'done', task: { ...task, ...patch } },
    patch,
    effects: [{ kind: 'run-ended', token, outcome: 'snoozed', at: now }],
  };
}

/**
 * A drain gives the claim back. The dispatch stays: the same message is requeued and is good again. Whether it is still
 * there, a run whose channel was lost can't tell: somebody may have met it, found the task worked and acked it. So the
 * publish is owed again until the next claim.
 */
export function decideRelease(task: Task | undefined, request: RunRequest): Decision<RunAnswer> {
  if (!task || !holds(task, request)) return refused(task, request);
  const { now, token } = request;
  // Its wait in the queue begins anew, so that `expires` does not count the time it was worked. Later than its publish and
  // than the wait before, though the clocks of those who wrote these may be ahead.
  const dispatchedAt = Math.max(now, (task.publishedAt ?? now) + 1, task.dispatchedAt + 1);
  const patch = {
    state: 'queued',
    lease: null,
    owed: 'task',
    progress: null,
    dispatchedAt,
    updatedAt: now,
  } satisfies Partial<Task>;
  return {
    answer: { kind: 'done', task: { ...task, ...patch } },
    patch,
    effects: [{ kind: 'run-ended', token, outcome: 'released', at: now }],
  };
}

function holds(task: Task, request: RunRequest): boolean {
  return task.state === 'running' && task.token === request.token;
}

/**
 * A worker reports on a run that was taken from it: it ended, or it still lives. Its result does not count, but it was no
 * crash, and must not help to park an innocent task as poison.
 */
function refused(task: Task | undefined, request: RunRequest): Decision<RunAnswer> {
  const answer = { kind: 'refused' } as const;
  if (!task?.lostTokens.includes(request.token)) return { answer };
  return {
    answer,
    patch: { lostTokens: task.lostTokens.filter((token) => token !== request.token) },
    effects: [{ kind: 'run-ended', token: request.token, outcome: 'superseded', at: request.now }],
  };
}

/** What may be said about a dispatch: by its publisher, by the DLQ processor, by the sweeper. */
export type MoveAnswer =
  | { readonly kind: 'moved'; readonly task: Task }
  | { readonly kind: 'refused'; readonly why: string };

export interface MoveRequest {
  readonly dispatch: number;
  readonly now: number;
}

/** What was published, by the task as its publisher read it: a release owes another publish in the same dispatch. */
export interface PublishedRequest extends MoveRequest, Pick<Task, 'dispatchedAt'> {}

/**
 * The broker confirmed the publish that this dispatch owed, or another copy of it that the sweeper sent. A run under a
 * live lease has had its message; of one whose lease ran out it is noted, or the sweeper would send copy upon copy.
 */
export function decidePublished(task: Task | undefined, request: PublishedRequest): Decision<MoveAnswer> {
  const { dispatch, dispatchedAt, now } = request;
  const worked = task?.lease !== null && task?.lease !== undefined && task.lease.until > now;
  if (!task || isFinal(task.state) || task.dispatch !== dispatch || worked) {
    return { answer: refuseMove(task, 'it has moved on') };
  }
  // A confirm that is noted late is of a message that the run had.
  if (task.dispatchedAt !== dispatchedAt) return { answer: refuseMove(task, 'its wait has begun anew since') };
  const patch = {
    owed: null,
    ...publishTimes(task, now),
    updatedAt: now,
    ...(task.state === 'accepted' ? { state: 'queued' } : {}),
  } satisfies Partial<Task>;
  return { ...moved(task, patch), forgettable: true };
}

/**
 * A publish is never older than its move, whatever the clocks say: a message that is older than its task's wait tells of a
 * give-back ({@link isGivenBack}), and goes on telling of it when another copy is sent.
 */
function publishTimes(task: Task, now: number): Pick<Task, 'publishedAt' | 'dispatchedAt'> {
  if (isGivenBack(task)) return { publishedAt: now, dispatchedAt: Math.max(task.dispatchedAt, now + 1) };
  return { publishedAt: Math.max(now, task.dispatchedAt), dispatchedAt: task.dispatchedAt };
}

function isGivenBack({ dispatchedAt, publishedAt, state }: Task): boolean {
  return state === 'queued' && publishedAt !== null && publishedAt < dispatchedAt;
}

/** The DLQ processor tries again: the next attempt, after a delay. */
export function decideRetry(task: Task | undefined, request: MoveRequest & { dueAt: number }): Decision<MoveAnswer> {
  if (task?.state !== 'dead-lettered' || task.dispatch !== request.dispatch) {
    return { answer: refuseMove(task, 'it is not dead-lettered with this dispatch') };
  }
  return moved(task, {
    ...owing(task, 'retry-scheduled', 'delayed', request.now, request.dueAt),
    attempt: task.attempt + 1,
  });
}

/**
 * The task waits for a person. Also for a message that the broker itself dead-lettered (its TTL ran out, it was
 * unroutable): that one still carries the dispatch of a waiting task. What a worker has is not parked over its head.
 */
export function decidePark(
  task: Task | undefined,
  request: MoveRequest & { code: ReasonCode; reason: string },
): Decision<MoveAnswer> {
  const { code, now, reason } = request;
  if (!task || isFinal(task.state) || task.state === 'parked' || task.dispatch !== request.dispatch) {
    return { answer: refuseMove(task, 'it has moved on') };
  }
  if (task.state === 'running') return { answer: refuseMove(task, 'a worker has it') };
  return moved(task, { ...owing(task, 'parked', null, now), reasonCode: code, reason });
}

/** About a copy that the broker dead-lettered: its time in the queue ran out, or it came back there too often. */
export interface RecoverRequest extends MoveRequest {
  readonly copy: string;
  /** Default `expired`. */
  readonly because?: 'expired' | 'returned';
}

/**
 * The broker dead-lettered a copy because its time in the queue ran out. Where a worker had the task in that time, it
 * was picked up in time and goes on with a new message. Refused where it really waited too long: then it is parked. One
 * that came back too often goes on with a new message, too: whether its task does harm is the ledger's to count.
 */
export function decideRecover(task: Task | undefined, request: RecoverRequest): Decision<MoveAnswer> {
  if (task?.dispatch !== request.dispatch) return { answer: refuseMove(task, 'it has moved on') };
  if (task.state === 'running') return recoverWorked(task, request);
  return request.because === 'returned' ? recoverReturned(task, request) : recoverGivenBack(task, request);
}

/**
 * If it is the very copy under which the task was claimed, then that worker's channel is gone, the message came back to
 * the queue and expired there. The new message comes when the lease would have ended: a worker that lives has reported
 * by then and is not taken for a crash.
 */
function recoverWorked(task: Task, { copy, now }: RecoverRequest): Decision<MoveAnswer> {
  const live = task.lease !== null && task.lease.until > now;
  if (live && task.lease.copy !== copy) return { answer: refuseMove(task, 'a worker has it under another copy') };
  const decision = moved(task, {
    ...(live ? owing(task, 'accepted', 'delayed', now, task.lease.until) : owing(task, 'accepted', 'task', now)),
    lostTokens: [...task.lostTokens, task.token],
  });
  return { ...decision, effects: [{ kind: 'run-ended', token: task.token, outcome: 'lost', at: now }] };
}

/**
 * A release begins the wait anew, but the broker counts from the publish: it knows no new wait, and a message that is
 * requeued after its time expires at once. Its word counts where the row knows no younger wait either.
 */
function recoverGivenBack(task: Task, { now }: MoveRequest): Decision<MoveAnswer> {
  if (task.state !== 'queued') return { answer: refuseMove(task, 'no worker has had it') };
  if (!isGivenBack(task) || hasExpired(task, now)) return { answer: refuseMove(task, 'it waited too long') };
  return moved(task, owing(task, 'accepted', 'task', now));
}

/** Whoever delayed it or published it, its message was in the queue; a state says only what the ledger heard last. */
const awaitingMessage: readonly TaskState[] = ['accepted', 'queued', 'scheduled', 'snoozed', 'retry-scheduled'];

/** The broker counts every return of a message, also by workers that never began; the ledger knows of no harm by it. */
function recoverReturned(task: Task, { now }: MoveRequest): Decision<MoveAnswer> {
  if (!awaitingMessage.includes(task.state)) return { answer: refuseMove(task, 'it waits for no message') };
  if (hasExpired(task, now)) return { answer: refuseMove(task, 'it waited too long') };
  const { dueAt } = task;
  return moved(
    task,
    dueAt > now ? owing(task, 'accepted', 'delayed', now, dueAt) : owing(task, 'accepted', 'task', now),
  );
}

/** A person sends it again: a new allowance of attempts, the same task, its history kept. */
export function decideReplay(
  task: Task | undefined,
  request: { readonly now: number; readonly byHand?: ByHand },
): Decision<MoveAnswer> {
  if (task?.state !== 'parked') {
    return {
      answer: refuseMove(task, task ? `it is ${task.state}; only a parked task is replayed` : 'there is no such task'),
    };
  }
  const { byHand, now } = request;
  const deadlinePassed = task.deadlineAt !== null && task.deadlineAt <= now;
  const decision = moved(task, {
    ...owing(task, 'accepted', 'task', now),
    attempt: task.attempt + 1,
    allowanceFrom: task.attempt + 1,
    lostTokens: [],
    // Replaying past the deadline is the person's decision to go without one.
    deadlineAt: deadlinePassed ? null : task.deadlineAt,
    reasonCode: null,
    reason: null,
  });
  return { ...decision, effects: acted('replay', byHand, now) };
}

/**
 * A person did the work: the task is completed without a run, with their result or with none. Only what waits for a
 * person, and only while it waits as it did when they looked: since then it may have been replayed and have failed anew.
 */
export function decideCompleteByHand(
  task: Task | undefined,
  request: MoveRequest & { readonly result: string | null; readonly byHand: ByHand },
): Decision<MoveAnswer> {
  if (task?.state !== 'parked') {
    return { answer: refuseMove(task, `it is ${task?.state}; only a parked task is completed by hand`) };
  }
  const { byHand, dispatch, now, result } = request;
  if (task.dispatch !== dispatch) return { answer: refuseMove(task, 'it has moved on since it was looked at') };
  const decision = moved(task, {
    ...owing(task, 'completed', null, now),
    reasonCode: null,
    reason: `by hand, by ${byHand.by}${byHand.note === null ? '' : `: ${byHand.note}`}`,
    finishedAt: now,
  });
  const stored: Effect[] = result === null ? [] : [{ kind: 'result', result, cost: null, at: now }];
  return { ...decision, effects: [...stored, ...acted('complete', byHand, now)] };
}

export interface CancelRequest {
  readonly now: number;
  readonly reason: string;
  /** Only from one of these states. Default: from every one that is not final. */
  readonly from?: readonly TaskState[];
  /** Left out: no person did it. */
  readonly byHand?: ByHand;
}

export function decideCancel(task: Task | undefined, request: CancelRequest): Decision<MoveAnswer> {
  if (!task || isFinal(task.state)) {
    return { answer: refuseMove(task, task ? `it is already ${task.state}` : 'there is no such task') };
  }
  const { byHand, from, now, reason } = request;
  if (from && !from.includes(task.state)) return { answer: refuseMove(task, `it is ${task.state}`) };
  const decision = moved(task, { ...owing(task, 'cancelled', null, now), reason, finishedAt: now });
  const ended: Effect[] =
    task.state === 'running' ? [{ kind: 'run-ended', token: task.token, outcome: 'cancelled', at: now }] : [];
  return { ...decision, effects: [...ended, ...acted('cancel', byHand, now)] };
}

function acted(act: HandActName, byHand: ByHand | undefined, at: number): Effect[] {
  return byHand === undefined ? [] : [{ kind: 'by-hand', act: { act, ...byHand, to: null, at } }];
}

function moved(task: Task, patch: Partial<Task>): Decision<MoveAnswer> {
  return { answer: { kind: 'moved', task: { ...task, ...patch } }, patch };
}

function refuseMove(task: Task | undefined, why: string): MoveAnswer {
  return { kind: 'refused', why: task ? why : 'there is no such task' };
}
