import type * as dispatchRules from '../../packages/ledger/src/dispatch-rules.js';
import type { Effect, Task } from '../../packages/ledger/src/task.js';
import { epoch } from '../fixtures/epoch.js';
import { newTask } from '../fixtures/task.js';

/**
 * A model of everything around the rules of dispatch and lease: a broker that delivers at least once, in any order,
 * early, twice or not at all; processes that die, stall or lose their connection between any two steps. What the model
 * knows and the ledger can't know (which message belongs to which move, which run really crashed) is the oracle.
 */
export interface World {
  readonly rules: Rules;
  /** Told of every change, so that a test can ask how far the model gets. */
  readonly observe: Observe;
  now: number;
  copies: number;
  readonly tasks: Map<string, Task>;
  readonly histories: Map<string, History>;
  /** Queue `tasks.<type>`. A multiset: priorities, requeues and lanes allow any order. */
  work: Message[];
  delayed: { readonly message: Message; readonly due: number }[];
  /** Queue `dead-letters`: letters, and tickets that the broker dead-lettered by itself. */
  dead: Message[];
  /** Copies that the client library sent twice, so that two messages bear one name. */
  readonly sentTwice: Set<string>;
  readonly processes: readonly Process[];
  /** How each task stood when a person last looked at it; what they do about it may come much later. */
  readonly looks: Map<string, Look>;
}

export interface Look {
  readonly dispatch: number;
  readonly generation: number;
}

export type Rules = typeof dispatchRules;
export type Observe = (before: Task, after: Task) => void;

export interface Message {
  readonly taskId: string;
  readonly dispatch: number;
  readonly copy: string;
  readonly kind: 'ticket' | 'letter';
  readonly redelivered: boolean;
  /** The move of its task that it was published for, by the model's own count. */
  readonly generation: number;
}

/** What really happened to a task. */
export interface History {
  /** Counts the moves; every message belongs to one. */
  generation: number;
  completions: number;
  /** How often a worker gave it back. */
  releases: number;
  /** Runs up to this token belong to an allowance before the present one. */
  allowanceToken: number;
  /** Its worker gave it back, and nothing was done about it since: its wait is younger than its message. */
  givenBack: boolean;
  readonly runs: Map<number, Run>;
}

export interface Run {
  outcome: 'running' | RunEnd['outcome'];
  /** Its process died under it. */
  crashed: boolean;
  /** Its process did not renew for a while: nobody could tell it from a dead one. */
  stalled: boolean;
  /** It told the ledger that it lives or has ended. */
  reported: boolean;
  /** Its process never heard that its claim was granted. */
  unheard: boolean;
}

type RunEnd = Extract<Effect, { kind: 'run-ended' }>;

export interface Process {
  readonly role: 'worker' | 'processor' | 'producer';
  /** Changes with every restart. */
  name: string;
  /** How far its clock is ahead. */
  readonly skewMs: number;
  stalled: boolean;
  jobs: Job[];
}

/** One message on its way through one process. The phase is the step that comes next. */
export interface Job {
  readonly taskId: string;
  /** Undefined where a move began without a message: a submission, a replay, a sweep. */
  readonly message: Message | undefined;
  /** The broker counts the message as delivered to this channel. */
  attached: boolean;
  phase: Phase;
}

export type Phase =
  | { readonly kind: 'arrived' }
  | { readonly kind: 'running'; readonly token: number }
  | { readonly kind: 'publish'; readonly publication: Publication }
  | { readonly kind: 'note'; readonly confirm: Confirm }
  | { readonly kind: 'ack' };

export interface Publication {
  readonly message: Omit<Message, 'copy' | 'redelivered'>;
  readonly to: 'work' | 'delayed' | 'dead';
  readonly due: number;
  /** Undefined where the confirm is not noted in the ledger. */
  readonly noted: Noted | undefined;
}

/** What the note of a publish says of its task, as the publisher read it, and the model's own count of what it paid for. */
export interface Noted {
  readonly dispatch: number;
  readonly dispatchedAt: number;
  readonly generation: number;
  readonly releases: number;
}

/** A confirm is noted whenever it comes to it, and says when it came. */
export interface Confirm extends Noted {
  readonly at: number;
}

export const leaseMs = 30_000;
/** Workers renew at a third of the lease, and time passes in these steps. */
export const renewalMs = leaseMs / 3;
export const maxCrashes = 3;
export const crashesBeforeAlone = 2;
export const maxAttempts = 3;
export const prefetch = 3;

export interface Submission {
  readonly delayMs: number;
  readonly expiresMs: number | null;
  readonly deadlineMs: number | null;
}

/** A world of three workers (one clock skew each), two processors and a producer, which has the tasks still to publish. */
export function newWorld(given: {
  readonly rules: Rules;
  readonly observe: Observe;
  readonly submissions: readonly Submission[];
  readonly skews: readonly number[];
}): World {
  const { rules, observe, skews, submissions } = given;
  let started = 0;
  const process = (role: Process['role'], skewMs = 0): Process => {
    started += 1;
    return { role, name: `${role}-${started}`, skewMs, stalled: false, jobs: [] };
  };
  const producer = process('producer');
  const world: World = {
    rules,
    observe,
    now: epoch,
    copies: 0,
    tasks: new Map(),
    histories: new Map(),
    work: [],
    delayed: [],
    dead: [],
    sentTwice: new Set(),
    looks: new Map(),
    processes: [
      ...skews.map((skewMs) => process('worker', skewMs)),
      process('processor'),
      process('processor'),
      producer,
    ],
  };
  for (const [index, submission] of submissions.entries()) {
    const task = submitted(`task-${index}`, submission);
    world.tasks.set(task.id, task);
    world.histories.set(task.id, {
      generation: 0,
      completions: 0,
      releases: 0,
      allowanceToken: 0,
      givenBack: false,
      runs: new Map(),
    });
    producer.jobs.push(publishing(world, task, undefined));
  }
  return world;
}

/** A task as intake writes it. */
function submitted(id: string, { deadlineMs, delayMs, expiresMs }: Submission): Task {
  const deadlineAt = deadlineMs === null ? null : epoch + deadlineMs;
  const delayed = { state: 'scheduled', owed: 'delayed', dueAt: epoch + delayMs } as const;
  return newTask(id, { expiresMs, deadlineAt, ...(delayMs > 0 ? delayed : {}) });
}

export function taskOf(world: World, taskId: string): Task {
  const task = world.tasks.get(taskId);
  if (!task) throw new Error(`the model has no ${taskId}`);
  return task;
}

export function historyOf(world: World, taskId: string): History {
  const history = world.histories.get(taskId);
  if (!history) throw new Error(`the model has no history of ${taskId}`);
  return history;
}

/** The job of whoever moved a task: publish what the move owes, note the confirm, acknowledge the old message. */
export function publishing(world: World, task: Task, old: Job | undefined): Job {
  const letter = task.owed === 'dead';
  const { dispatch, dispatchedAt } = task;
  const { generation, releases } = historyOf(world, task.id);
  return {
    taskId: task.id,
    message: old?.message,
    attached: old?.attached ?? false,
    phase: {
      kind: 'publish',
      publication: {
        message: { taskId: task.id, dispatch, kind: letter ? 'letter' : 'ticket', generation },
        to: letter ? 'dead' : task.owed === 'delayed' ? 'delayed' : 'work',
        due: task.dueAt,
        noted: { dispatch, dispatchedAt, generation, releases },
      },
    },
  };
}

export function publish(world: World, publication: Publication): void {
  world.copies += 1;
  const message = { ...publication.message, copy: `copy-${world.copies}`, redelivered: false };
  if (publication.to === 'delayed') world.delayed.push({ message, due: publication.due });
  else world[publication.to].push(message);
}

/** A channel is gone: everything that was delivered to it comes back marked, whoever was at fault. */
export function giveBack(world: World, jobs: readonly Job[], role: Process['role']): void {
  for (const job of jobs) {
    if (!job.attached || !job.message) continue;
    job.attached = false;
    world[role === 'processor' ? 'dead' : 'work'].push({ ...job.message, redelivered: true });
  }
}

export function clockOf(world: World, process: Process): number {
  return world.now + process.skewMs;
}
