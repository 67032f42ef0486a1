import type { TaskState } from '@warren/tasks';
import type { Task } from '../../packages/ledger/src/task.js';
import { checkStart, ensure } from './checks.js';
import { commit, commitMove } from './commit.js';
import {
  type Confirm,
  clockOf,
  historyOf,
  type Job,
  leaseMs,
  type Message,
  maxAttempts,
  maxCrashes,
  type Phase,
  type Process,
  publish,
  publishing,
  taskOf,
  type World,
} from './world.js';

/** What a process does next with a job that is not in a handler. Between any two steps everything may happen. */
export function step(world: World, process: Process, job: Job, choice: number): void {
  const { phase } = job;
  switch (phase.kind) {
    case 'running':
      return;
    case 'arrived':
      if (!job.message) throw new Error('nothing arrived');
      if (process.role === 'worker') claim(world, process, job, job.message, choice % 12 === 11);
      else decideLetter(world, process, job, job.message, choice);
      return;
    case 'publish': {
      const { noted } = phase.publication;
      publish(world, phase.publication);
      job.phase = { kind: 'ack' };
      // Noted whenever it comes to it: before the acknowledgement, after it, or not at all.
      if (noted) {
        const confirm = { ...noted, at: clockOf(world, process) };
        process.jobs.push(noteOf(job.taskId, { kind: 'note', confirm }));
      }
      return;
    }
    case 'note':
      notePublished(world, job.taskId, phase.confirm);
      leave(process, job);
      return;
    case 'ack':
      leave(process, job);
      return;
  }
}

/** An acknowledgement on a channel that is gone does nothing: the message is back in its queue already. */
function leave(process: Process, job: Job): void {
  process.jobs = process.jobs.filter((other) => other !== job);
}

function noteOf(taskId: string, phase: Phase): Job {
  return { taskId, message: undefined, attached: false, phase };
}

function notePublished(world: World, taskId: string, { at, dispatch, dispatchedAt, ...paid }: Confirm): void {
  const { generation, releases } = historyOf(world, taskId);
  const answer = commit(world, taskId, (task) =>
    world.rules.decidePublished(task, { dispatch, dispatchedAt, now: at }),
  );
  if (answer.kind === 'refused') return;
  ensure(paid.generation === generation, `a confirm of move ${paid.generation} counted for ${generation}`);
  ensure(paid.releases === releases, `a confirm from before ${taskId} was given back counted for what that owes`);
}

// --- a worker --------------------------------------------------------------------------------------------------------

/** `unheard`: the ledger goes away between its commit and its answer, and the worker asks again. */
function claim(world: World, process: Process, job: Job, message: Message, unheard: boolean): void {
  const { dispatch, copy, generation, redelivered, taskId } = message;
  const now = clockOf(world, process);
  const alone = !process.jobs.some(({ phase }) => phase.kind === 'running');
  const before = taskOf(world, taskId);
  const request = { dispatch, copy, redelivered, owner: process.name, now, leaseMs, maxCrashes, alone };
  const move = { taskId, generation, accepted: 'dead-lettered' };
  const answer = commitMove(world, move, (task) => world.rules.decideClaim(task, request));
  noteOwnTakeOver(world, before, process.name, copy);
  switch (answer.kind) {
    case 'run':
      ensure(generation === historyOf(world, taskId).generation, 'only a message of the present move is worked');
      checkTakeOver(world, before, now);
      checkStart(taskOf(world, taskId), historyOf(world, taskId), alone);
      if (unheard) markUnheard(world, taskId);
      else job.phase = { kind: 'running', token: taskOf(world, taskId).token };
      return;
    case 'held':
    case 'early':
      ensure(answer.until > now, 'a message is put back until a later time');
      job.phase = { kind: 'publish', publication: anotherCopy(message, answer.until) };
      return;
    case 'alone':
      return;
    case 'dead-lettered':
      job.phase = publishing(world, taskOf(world, taskId), job).phase;
      return;
    case 'stale':
      job.phase = { kind: 'ack' };
      return;
    case 'unknown':
      throw new Error(`broken: the ledger knows every dispatch that was published, not ${dispatch} of ${taskId}`);
  }
}

function anotherCopy({ taskId, dispatch, kind, generation }: Message, due: number) {
  return { message: { taskId, dispatch, kind, generation }, to: 'delayed', due, noted: undefined } as const;
}

/** Who takes over from itself has said that it lives. */
function noteOwnTakeOver(world: World, { id, lease, token }: Task, owner: string, copy: string): void {
  const run = historyOf(world, id).runs.get(token);
  if (run && run.outcome !== 'running' && lease?.owner === owner && lease.copy === copy) run.reported = true;
}

function markUnheard(world: World, taskId: string): void {
  const run = historyOf(world, taskId).runs.get(taskOf(world, taskId).token);
  if (run) run.unheard = true;
}

/** Nobody takes over from a worker that still has the message of its claim and renews its lease. */
function checkTakeOver(world: World, { id, lease, token }: Task, now: number): void {
  const holder = world.processes
    .flatMap(({ jobs }) => jobs)
    .find(({ phase, taskId }) => taskId === id && phase.kind === 'running' && phase.token === token);
  if (!lease || !holder?.attached || !holder.message || world.sentTwice.has(holder.message.copy)) return;
  ensure(lease.until <= now, `run ${token} of ${id} was taken from a worker that has it`);
}

export type RunEnding = 'complete' | 'fail' | 'snooze' | 'release';

/** The handler ends. Its process may have lost its connection, its lease or the whole task by now. */
export function endRun(world: World, process: Process, job: Job, ending: RunEnding): void {
  if (job.phase.kind !== 'running') return;
  const { token } = job.phase;
  const { rules } = world;
  const request = { token, now: clockOf(world, process) };
  const { taskId } = job;
  const run = historyOf(world, taskId).runs.get(token);
  if (run) run.reported = true;
  const move = { taskId, generation: undefined, accepted: 'done' };
  switch (ending) {
    case 'complete':
      commit(world, taskId, (task) => rules.decideComplete(task, { ...request, result: '{}', cost: null }));
      job.phase = { kind: 'ack' };
      return;
    case 'fail':
    case 'snooze': {
      const failure = { code: 'network', message: 'refused' } as const;
      const answer = commitMove(world, move, (task) =>
        ending === 'fail'
          ? rules.decideFail(task, { ...request, failure })
          : rules.decideSnooze(task, { ...request, dueAt: request.now + leaseMs, reason: 'rate limit' }),
      );
      job.phase = answer.kind === 'done' ? publishing(world, taskOf(world, taskId), job).phase : { kind: 'ack' };
      return;
    }
    case 'release': {
      const answer = commit(world, taskId, (task) => rules.decideRelease(task, request));
      if (answer.kind === 'done') noteRelease(world, taskId);
      if (answer.kind === 'done' && job.attached && job.message) {
        world.work.push({ ...job.message, redelivered: true });
      }
      leave(process, job);
    }
  }
}

function noteRelease(world: World, taskId: string): void {
  const history = historyOf(world, taskId);
  history.givenBack = true;
  history.releases += 1;
  // Its message may be gone: somebody met it while the task was worked.
  ensure(taskOf(world, taskId).owed === 'task', `${taskId} was given back and owes its publish again`);
}

/** Every living worker renews, whether or not its connection to the broker stands. */
export function renewLeases(world: World): void {
  for (const process of world.processes) {
    for (const { phase, taskId } of process.jobs) {
      if (phase.kind !== 'running') continue;
      const run = historyOf(world, taskId).runs.get(phase.token);
      if (process.stalled) {
        if (run) run.stalled = true;
        continue;
      }
      // A refused renewal is a report as well: the run was taken away, and lives.
      if (run && (taskOf(world, taskId).token !== phase.token || run.outcome !== 'running')) run.reported = true;
      const request = { token: phase.token, now: clockOf(world, process), leaseMs };
      commit(world, taskId, (task) => world.rules.decideRenew(task, request));
    }
  }
}

// --- the processor ---------------------------------------------------------------------------------------------------

/** Queue `dead-letters` holds letters of ours, and tickets that the broker expired or could not route. */
function decideLetter(world: World, process: Process, job: Job, message: Message, choice: number): void {
  const moved =
    message.kind === 'letter' ? retryOrPark(world, process, message, choice) : expired(world, process, message);
  job.phase = moved ? publishing(world, taskOf(world, message.taskId), job).phase : { kind: 'ack' };
}

/** True when a publish is owed now. */
function retryOrPark(world: World, process: Process, message: Message, choice: number): boolean {
  const { dispatch, generation, taskId } = message;
  const { attempt, allowanceFrom, reasonCode } = taskOf(world, taskId);
  const now = clockOf(world, process);
  const move = { taskId, generation, accepted: 'moved' };
  const exhausted = attempt - allowanceFrom + 1 >= maxAttempts;
  if (reasonCode === 'network' && !exhausted && choice % 4 > 0) {
    const answer = commitMove(world, move, (task) =>
      world.rules.decideRetry(task, { dispatch, now, dueAt: now + (choice % 3) * leaseMs }),
    );
    if (answer.kind === 'moved') ensure(taskOf(world, taskId).attempt === attempt + 1, 'a retry is the next attempt');
    return answer.kind === 'moved';
  }
  const code = reasonCode ?? 'unknown';
  commitMove(world, move, (task) => world.rules.decidePark(task, { dispatch, now, code, reason: 'decided' }));
  return false;
}

function expired(world: World, process: Process, message: Message): boolean {
  const { copy, dispatch, generation, taskId } = message;
  const now = clockOf(world, process);
  const move = { taskId, generation, accepted: 'moved' };
  const before = taskOf(world, taskId);
  const { givenBack } = historyOf(world, taskId);
  const recovered = commitMove(world, move, (task) => world.rules.decideRecover(task, { dispatch, now, copy }));
  if (recovered.kind === 'moved') {
    checkTakeOver(world, before, now);
    return true;
  }
  const parked = commitMove(world, move, (task) =>
    world.rules.decidePark(task, { dispatch, now, code: 'expired', reason: 'it waited too long' }),
  );
  const early = givenBack && parked.kind === 'moved' && !hasWaitedTooLong(before, now);
  ensure(!early, `${taskId} was parked over a message that is older than its wait`);
  return false;
}

function hasWaitedTooLong({ deadlineAt, dispatchedAt, expiresMs }: Task, now: number): boolean {
  return (deadlineAt !== null && deadlineAt <= now) || (expiresMs !== null && now - dispatchedAt > expiresMs);
}

// --- the sweeper -----------------------------------------------------------------------------------------------------

export type Sweep = 'owed' | 'waiting' | 'undecided';

const waitingStates: readonly TaskState[] = ['queued', 'scheduled', 'snoozed', 'retry-scheduled'];

/** The tasks that a sweep finds, as `sweeps.ts` asks the database for them, with no patience at all. */
export function swept(world: World, sweep: Sweep): string[] {
  return [...world.tasks.values()].filter((task) => isSwept(task, sweep, world.now)).map(({ id }) => id);
}

function isSwept(task: Task, sweep: Sweep, now: number): boolean {
  if (sweep === 'owed') return task.owed !== null;
  if (task.publishedAt === null || task.publishedAt > now) return false;
  if (sweep === 'undecided') return task.state === 'dead-lettered';
  if (task.state === 'running') return task.lease !== null && task.lease.until <= now;
  return waitingStates.includes(task.state) && task.owed === null && task.dueAt <= now;
}

/** Publishes once more what a task's present dispatch is good for. */
export function publishAgain(world: World, process: Process, taskId: string, sweep: Sweep): void {
  const task = taskOf(world, taskId);
  const owed = sweep === 'owed' ? task.owed : sweep === 'undecided' ? 'dead' : 'task';
  process.jobs.push(publishing(world, { ...task, owed }, undefined));
}
