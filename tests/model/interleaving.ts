import fc from 'fast-check';
import type { Task } from '../../packages/ledger/src/task.js';
import { checkHolders, ensure, isAtRest } from './checks.js';
import { commitMove } from './commit.js';
import { endRun, publishAgain, type RunEnding, renewLeases, type Sweep, step, swept } from './steps.js';
import {
  giveBack,
  historyOf,
  type Job,
  leaseMs,
  type Message,
  newWorld,
  type Observe,
  type Process,
  prefetch,
  type Rules,
  renewalMs,
  type Submission,
  taskOf,
  type World,
} from './world.js';

/** What may happen next, and how often it is chosen compared with the others. */
const actions = [
  ['step', 14],
  ['deliver', 6],
  ['complete', 1],
  ['fail', 2],
  ['snooze', 1],
  ['release', 1],
  ['time passes', 4],
  ['delay ends', 3],
  ['arrives early', 1],
  ['worker crashes', 2],
  ['other process crashes', 1],
  ['connection is cut', 2],
  ['stalls', 1],
  ['wakes', 1],
  ['broker expires', 1],
  ['is lost', 1],
  ['is sent twice', 1],
  ['owed', 1],
  ['waiting', 1],
  ['undecided', 1],
  ['replay', 1],
  ['cancel', 1],
  ['a person looks', 1],
  ['complete by hand', 1],
] as const;

type ActionName = (typeof actions)[number][0];

interface Action {
  readonly name: ActionName;
  /** Which of the jobs, messages or tasks that it may happen to. */
  readonly pick: number;
  readonly choice: number;
}

interface Ending {
  /** Whatever is in a queue or in a process is gone: what is left to go on with is the ledger. */
  readonly onlyTheLedgerIsLeft: boolean;
  readonly handlersFail: boolean;
}

/** Trouble that comes faster than a lease is renewed: what it leads to is rare among all the other things. */
const storm = [
  ['step', 14],
  ['deliver', 8],
  ['connection is cut', 4],
  ['broker expires', 3],
  ['worker crashes', 1],
  ['delay ends', 2],
  ['time passes', 1],
] as const satisfies readonly (readonly [ActionName, number])[];

function anyOf(weighted: readonly (readonly [ActionName, number])[]): fc.Arbitrary<Action[]> {
  const name = fc.oneof(...weighted.map(([one, weight]) => ({ weight, arbitrary: fc.constant(one) })));
  const action = fc.record({ name, pick: fc.nat(99), choice: fc.nat(99) });
  return fc.array(action, { maxLength: 150, size: 'max' });
}

const submission: fc.Arbitrary<Submission> = fc.record({
  delayMs: fc.constantFrom(0, 0, 2 * leaseMs),
  expiresMs: fc.constantFrom(null, null, 4 * leaseMs),
  deadlineMs: fc.constantFrom(null, null, null, leaseMs, 10 * leaseMs),
});

/** One to three tasks, anything that may happen to them in any order, and then the time to come to rest. */
export function anyInterleaving(rules: Rules, observe: Observe = () => undefined) {
  return fc.property(
    fc.array(submission, { minLength: 1, maxLength: 3 }),
    fc.array(fc.constantFrom(0, renewalMs / 4), { minLength: 3, maxLength: 3 }),
    fc.oneof({ weight: 3, arbitrary: anyOf(actions) }, { weight: 1, arbitrary: anyOf(storm) }),
    fc.record({ onlyTheLedgerIsLeft: fc.boolean(), handlersFail: fc.boolean() }),
    (submissions, skews, course, ending) => {
      const world = newWorld({ rules, observe, submissions, skews });
      for (const action of course) {
        happenings[action.name](world, action);
        checkHolders(world);
      }
      comeToRest(world, ending);
    },
  );
}

const happenings: Readonly<Record<ActionName, (world: World, action: Action) => void>> = {
  step: (world, { pick, choice }) =>
    withOne(
      jobsOf(world, (job) => !isRunning(job)),
      pick,
      ([process, job]) => step(world, process, job, choice),
    ),
  deliver: (world, { pick, choice }) => deliver(world, choice % 3 === 0 ? 'processor' : 'worker', pick, choice),
  complete: (world, { pick }) => endOneRun(world, pick, 'complete'),
  fail: (world, { pick }) => endOneRun(world, pick, 'fail'),
  snooze: (world, { pick }) => endOneRun(world, pick, 'snooze'),
  release: (world, { pick }) => endOneRun(world, pick, 'release'),
  'time passes': (world, { choice }) => passTime(world, choice % 4 === 0 ? 4 : 1),
  'delay ends': (world, { pick }) => arrive(world, pick, (due) => due <= world.now),
  'arrives early': (world, { pick }) => arrive(world, pick, (due) => due > world.now),
  'worker crashes': (world, { pick }) => withOne(workersOf(world), pick, (process) => crash(world, process)),
  'other process crashes': (world, { pick }) =>
    withOne(
      world.processes.filter(({ role }) => role !== 'worker'),
      pick,
      (process) => crash(world, process),
    ),
  'connection is cut': (world, { pick }) => withOne(world.processes, pick, (process) => cut(world, process)),
  stalls: (world, { pick }) => withOne(workersOf(world), pick, (process) => setStalled(process, true)),
  wakes: (world, { pick }) => withOne(workersOf(world), pick, (process) => setStalled(process, false)),
  'broker expires': (world, { pick }) => withOne(world.work, pick, (message) => expire(world, message)),
  'is lost': (world, { pick }) => lose(world, pick),
  'is sent twice': (world, { pick }) => withOne(world.work, pick, (message) => sendTwice(world, message)),
  owed: (world, { pick }) => sweep(world, 'owed', pick),
  waiting: (world, { pick }) => sweep(world, 'waiting', pick),
  undecided: (world, { pick }) => sweep(world, 'undecided', pick),
  replay: (world, { pick }) => withOne([...world.tasks.keys()], pick, (taskId) => replay(world, taskId)),
  // Seldom: a cancelled task has nothing more to show.
  cancel: (world, { pick, choice }) =>
    withOne(choice % 4 === 0 ? [...world.tasks.keys()] : [], pick, (taskId) => cancel(world, taskId)),
  'a person looks': (world, { pick }) => withOne([...world.tasks.values()], pick, (task) => look(world, task)),
  // Their last look may be of any age, or be no older than the act itself.
  'complete by hand': (world, { pick, choice }) =>
    withOne([...world.tasks.values()], pick, (task) => {
      if (choice % 3 === 0) look(world, task);
      completeByHand(world, task.id);
    }),
};

function withOne<One>(candidates: readonly One[], pick: number, use: (one: One) => void): void {
  const one = candidates[pick % Math.max(1, candidates.length)];
  if (one !== undefined) use(one);
}

function without<One>(list: readonly One[], one: One): One[] {
  return list.filter((other) => other !== one);
}

function jobsOf(world: World, wanted: (job: Job) => boolean): [Process, Job][] {
  return world.processes.flatMap((process) => process.jobs.filter(wanted).map((job): [Process, Job] => [process, job]));
}

function endOneRun(world: World, pick: number, ending: RunEnding): void {
  withOne(jobsOf(world, isRunning), pick, ([process, job]) => endRun(world, process, job, ending));
}

function isRunning(job: Job): boolean {
  return job.phase.kind === 'running';
}

function workersOf(world: World): Process[] {
  return world.processes.filter(({ role }) => role === 'worker');
}

function deliver(world: World, role: 'worker' | 'processor', pick: number, choice: number): void {
  const takers = world.processes.filter(
    (process) => process.role === role && process.jobs.filter(({ attached }) => attached).length < prefetch,
  );
  withOne(role === 'worker' ? world.work : world.dead, pick, (message) =>
    withOne(takers, choice, (process) => {
      if (role === 'worker') world.work = without(world.work, message);
      else world.dead = without(world.dead, message);
      process.jobs.push(arrived(message));
    }),
  );
}

function arrived(message: Message): Job {
  return { taskId: message.taskId, message, attached: true, phase: { kind: 'arrived' } };
}

function passTime(world: World, renewals: number): void {
  for (let round = 0; round < renewals; round++) {
    world.now += renewalMs;
    renewLeases(world);
  }
}

function arrive(world: World, pick: number, wanted: (due: number) => boolean): void {
  withOne(
    world.delayed.filter(({ due }) => wanted(due)),
    pick,
    (entry) => {
      world.delayed = without(world.delayed, entry);
      world.work.push(entry.message);
    },
  );
}

function crash(world: World, process: Process): void {
  giveBack(world, process.jobs, process.role);
  for (const { phase, taskId } of process.jobs) {
    if (phase.kind !== 'running') continue;
    const run = historyOf(world, taskId).runs.get(phase.token);
    if (run) run.crashed = true;
  }
  process.jobs = [];
  process.stalled = false;
  process.name += '+';
}

/** The process goes on: handlers run, publishes are sent over the next connection, acknowledgements are void. */
function cut(world: World, process: Process): void {
  giveBack(world, process.jobs, process.role);
  process.jobs = process.jobs.filter(({ phase }) => phase.kind !== 'arrived');
}

function setStalled(process: Process, stalled: boolean): void {
  process.stalled = stalled;
}

function expire(world: World, message: Message): void {
  world.work = without(world.work, message);
  world.dead.push(message);
}

/** The client library does so with what was not confirmed when its connection broke. */
function sendTwice(world: World, message: Message): void {
  world.sentTwice.add(message.copy);
  world.work.push({ ...message, redelivered: false });
}

function lose(world: World, pick: number): void {
  withOne([...world.work, ...world.dead, ...world.delayed], pick, (lost) => {
    world.work = world.work.filter((message) => message !== lost);
    world.dead = world.dead.filter((message) => message !== lost);
    world.delayed = world.delayed.filter((entry) => entry !== lost);
  });
}

function sweep(world: World, kind: Sweep, pick: number): void {
  const sweepers = world.processes.filter(({ role }) => role === 'processor');
  withOne(swept(world, kind), pick, (taskId) =>
    withOne(sweepers, pick, (process) => publishAgain(world, process, taskId, kind)),
  );
}

/** The process of the command may die after the move as well, so the publish is left to the sweeper. */
function replay(world: World, taskId: string): void {
  const move = { taskId, generation: undefined, accepted: 'moved' };
  const answer = commitMove(world, move, (task) => world.rules.decideReplay(task, { now: world.now }));
  if (answer.kind === 'moved') historyOf(world, taskId).allowanceToken = taskOf(world, taskId).token;
}

function cancel(world: World, taskId: string): void {
  const move = { taskId, generation: undefined, accepted: 'moved' };
  commitMove(world, move, (task) => world.rules.decideCancel(task, { now: world.now, reason: 'not wanted' }));
}

function look(world: World, { dispatch, id }: Task): void {
  world.looks.set(id, { dispatch, generation: historyOf(world, id).generation });
}

function completeByHand(world: World, taskId: string): void {
  const seen = world.looks.get(taskId);
  if (!seen) return;
  const move = { taskId, generation: seen.generation, accepted: 'moved' };
  const act = { dispatch: seen.dispatch, now: world.now, result: '{}', byHand: { by: 'ann', note: 'done' } };
  commitMove(world, move, (task) => world.rules.decideCompleteByHand(task, act));
}

/**
 * From here on the world is fair: processes live, messages arrive, handlers end, the sweeper sweeps. Then everything must
 * come to rest, and soon: a task that nothing moves, or a message that goes round for ever, is a failure.
 */
function comeToRest(world: World, { onlyTheLedgerIsLeft, handlersFail }: Ending): void {
  for (const process of world.processes) {
    if (onlyTheLedgerIsLeft) crash(world, process);
    process.stalled = false;
  }
  if (onlyTheLedgerIsLeft) {
    world.work = [];
    world.dead = [];
    world.delayed = [];
  }
  for (let round = 0; round < 60 && !isAtRest(world); round++) fairRound(world, handlersFail ? 'fail' : 'complete');
  const states = [...world.tasks.values()].map(({ id, state }) => `${id} ${state}`).join(', ');
  ensure(
    isAtRest(world),
    `everything comes to rest; left: ${states}, ${JSON.stringify([world.work, world.delayed, world.dead])}`,
  );
}

function fairRound(world: World, ending: RunEnding): void {
  for (let deliveries = 0; deliveries < 20; deliveries++) {
    deliver(world, 'worker', deliveries, deliveries);
    deliver(world, 'processor', deliveries, deliveries);
    for (const [process, job] of jobsOf(world, () => true)) {
      if (isRunning(job)) endRun(world, process, job, ending);
      else step(world, process, job, deliveries);
    }
  }
  passTime(world, 1);
  while (world.delayed.some(({ due }) => due <= world.now)) arrive(world, 0, (due) => due <= world.now);
  for (const kind of ['owed', 'waiting', 'undecided'] as const) {
    for (const [index, taskId] of swept(world, kind).entries()) {
      if (!hasMessage(world, taskId)) sweep(world, kind, index);
    }
  }
}

/** The sweeper looks into the broker before it calls a message lost. */
function hasMessage(world: World, taskId: string): boolean {
  const { dispatch } = taskOf(world, taskId);
  const messages = [...world.work, ...world.dead, ...world.delayed.map(({ message }) => message)];
  return (
    messages.some((message) => message.taskId === taskId && message.dispatch === dispatch) ||
    jobsOf(world, (job) => job.taskId === taskId).length > 0
  );
}
