import type { Dispatcher } from '@warren/broker';
import type { Ledger, Task } from '@warren/ledger';
import type { TaskType } from '@warren/tasks';
import { queueNames, type ServiceOrder, serviceOrder, workQueue } from '@warren/topology';
import { enteredBy, lostMessages } from './lost-messages.js';
import { createPublishOrPark, type PublishOutcome } from './publish-or-park.js';
import { runRounds } from './rounds.js';
import type { TellParts } from './tell.js';
import { createUntoldLetters } from './untold-letters.js';

/** All in milliseconds, but for `batch`. */
export interface SweeperSettings {
  /** Between two rounds. */
  readonly intervalMs: number;
  /**
   * How long a publish may be owed before the sweeper makes it good. Longer than a publish takes before it fails (10 s
   * unless set), or what is still under way would be published twice.
   */
  readonly owedAfterMs: number;
  /** How long a task must have waited for its message, or a letter for its decision, before it is looked into. */
  readonly quietMs: number;
  /** How long its queue must then be found empty before the message counts as lost. 0: one look is enough. */
  readonly emptyMs: number;
  /** How much later a message must have come that was served first, before the one that still waits counts as lost. */
  readonly overtakenMarginMs: number;
  /** How long this process stays the one that sweeps, without a word from it. More than `intervalMs`. */
  readonly leaseMs: number;
  /** In one round at most: publishes that are owed, tasks of each type that are looked at, and letters. */
  readonly batch: number;
}

export const defaultSweeperSettings: SweeperSettings = {
  intervalMs: 5_000,
  owedAfterMs: 15_000,
  quietMs: 60_000,
  emptyMs: 15_000,
  overtakenMarginMs: 60_000,
  leaseMs: 30_000,
  batch: 200,
};

export interface SweeperParts extends TellParts {
  readonly ledger: Pick<Ledger, 'park' | 'recover' | 'queries' | 'sweeps' | 'leases' | 'letters' | 'untilAvailable'>;
  readonly dispatcher: Pick<Dispatcher, 'dispatch' | 'republish'>;
  /** The names of the queues that hold messages of a role now. */
  readonly queuesOf: (role: string) => Promise<readonly string[]>;
  /** Messages ready in each of these queues; a queue that does not exist is left out. */
  readonly readyCounts: (queues: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** The types that are known. Tasks of others are swept too; only where their queue is gone as well are they parked. */
  readonly types: readonly TaskType[];
  /** Names this process. Two with one name would both sweep. */
  readonly owner: string;
  readonly settings: SweeperSettings;
}

/** What one round did. */
export interface SweepReport {
  /** False when another process has the sweeper's lease; then nothing else was done. */
  readonly active: boolean;
  /** Publishes that had been owed for too long and are made good. */
  readonly owed: number;
  /** Tasks published again because their queue is empty, or because later ones were served first. */
  readonly queueEmpty: number;
  readonly overtaken: number;
  /** Letters published again because nobody decided them and their queue is empty, or later ones were decided. */
  readonly letters: number;
  /** Publishes that failed; they are tried again in a later round. */
  readonly failed: number;
  /** Tasks that wait for a person now: what they owe can't be published, or was published in vain too often. */
  readonly parked: number;
  /** Letters of parked tasks that had not been told of it. */
  readonly told: number;
  /** Letters closed because their task reached its end. */
  readonly settled: number;
}

export interface Sweeper {
  /**
   * One round. Rejects with `LedgerUnavailable`, or when the queues can't be looked at: the round ends there, and the
   * next one finds what it left.
   */
  sweepOnce(): Promise<SweepReport>;
  /** Rounds until the signal aborts; then the lease is given up. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

const leaseName = 'sweeper';

/**
 * Each may take the publisher's whole timeout, and nothing else is swept meanwhile: the rest of that queue then waits for
 * the next round.
 */
const maxFailedRepairs = 3;
/** How many failed repairs are remembered. */
const maxRemembered = 10_000;

const nothing: SweepReport = {
  active: true,
  owed: 0,
  queueEmpty: 0,
  overtaken: 0,
  letters: 0,
  failed: 0,
  parked: 0,
  told: 0,
  settled: 0,
};

/** A publish that is to be made good, and as what it counts once it is. */
interface Repair {
  readonly task: Task;
  readonly queue: string;
  readonly counts: 'queueEmpty' | 'overtaken' | 'letters';
  readonly make: () => Promise<PublishOutcome>;
}

/**
 * Makes good what nobody else will: publishes that a crash left owed, and messages that the broker lost. It finds both
 * in the ledger; the broker is only asked how many messages are in the queues of tasks that have waited for long.
 */
export function createSweeper(parts: SweeperParts): Sweeper {
  const { ledger, log, now, owner, settings } = parts;
  const known = new Set(parts.types.map(({ name }) => workQueue(name)));
  /** By role, as are `gone` and `orders`: its queues are empty when all of them are. */
  const { parkUnroutable, payDebt, publishAgain, publishLetterAgain } = createPublishOrPark(parts);
  const letters = createUntoldLetters({ ledger, now, quietMs: settings.quietMs, batch: settings.batch });
  const emptySince = new Map<string, number>();
  const gone = new Set<string>();
  const orders = new Map<string, ServiceOrder>();
  /** Behind which task the next round begins: of each type, of those that owe, of letters. Without one it begins anew. */
  const lastWaiting = new Map<string, Task>();
  let lastOwed: Task | undefined;
  let lastUndecided: Task | undefined;
  /** Tasks whose repair failed, the latest last: some that fail each time must not keep the others from their turn. */
  const failedRepairs = new Set<string>();

  const brokeOff = 'sweep broke off: the next one finds what it left';
  const role = { name: leaseName, owner, ledger, intervalMs: settings.intervalMs, round, brokeOff, log };
  return { sweepOnce, run: (signal) => runRounds(role, signal) };

  /** True when more publishes are owed than one round may make good, and the broker takes some. */
  async function round(): Promise<boolean> {
    const report = await sweepOnce();
    const { active, ...counts } = report;
    const busy = Object.values(counts).some((count) => count > 0);
    log[busy ? 'info' : 'debug'](report, 'sweep');
    return report.owed > 0 && lastOwed !== undefined;
  }

  async function sweepOnce(): Promise<SweepReport> {
    let looked = false;
    try {
      if (!(await hold())) return { ...nothing, active: false };
      const debts = await payDebts();
      const told = await letters.tellParked();
      const repaired = debts.unreachable ? nothing : await repair(await findLost());
      const settled = await letters.settleFinished();
      looked = !debts.unreachable;
      return {
        ...repaired,
        owed: debts.owed,
        failed: debts.failed + repaired.failed,
        parked: debts.parked + repaired.parked,
        told,
        settled,
      };
    } finally {
      // After a round that looked at no queue, or broke off, nobody knows since when they were empty.
      if (!looked) emptySince.clear();
    }
  }

  function hold(): Promise<boolean> {
    return ledger.leases.acquire(leaseName, owner, now(), settings.leaseMs);
  }

  /**
   * Side by side, because a broker that was away for a while leaves many; one that can't be published stops no other.
   * Those that failed go to the back: the next round begins behind them.
   */
  async function payDebts(): Promise<Pick<SweepReport, 'owed' | 'failed' | 'parked'> & { unreachable: boolean }> {
    const tasks = await ledger.sweeps.owed(now() - settings.owedAfterMs, settings.batch, lastOwed);
    const outcomes = await Promise.all(tasks.map(payDebt));
    const count = (kind: PublishOutcome) => outcomes.filter((outcome) => outcome === kind).length;
    const unreachable = count('unreachable');
    const owed = count('published');
    lastOwed = tasks.length === settings.batch ? tasks.at(-1) : undefined;
    const failed = count('failed') + unreachable;
    return { owed, failed, parked: count('parked'), unreachable: owed === 0 && unreachable > 0 };
  }

  /** Tasks that wait in vain, as far as ledger and queues tell, and letters that nobody will decide. */
  async function findLost(): Promise<readonly Repair[]> {
    const quietSince = now() - settings.quietMs;
    const types = await ledger.sweeps.waitingTypes(quietSince);
    for (const type of lastWaiting.keys()) if (!types.includes(type)) lastWaiting.delete(type);
    const waiting = new Map<string, readonly Task[]>();
    for (const type of types) waiting.set(type, await nextWaiting(type, quietSince));
    const undecided = await nextUndecided(quietSince);
    await lookAtRoles([...types.map(workQueue), ...(undecided.length > 0 ? [queueNames.deadLetters] : [])]);
    const repairs: Repair[] = [];
    for (const [type, tasks] of waiting) repairs.push(...(await lostTasks(type, tasks)));
    return [...repairs, ...(await lostLetters(undecided))];
  }

  /** A long backlog is gone through a part a round, so that no lost message hides behind those that merely wait. */
  async function nextWaiting(type: string, quietSince: number): Promise<readonly Task[]> {
    const tasks = await ledger.sweeps.waiting(type, quietSince, settings.batch, lastWaiting.get(type));
    const last = tasks.length === settings.batch ? tasks.at(-1) : undefined;
    if (last) lastWaiting.set(type, last);
    else lastWaiting.delete(type);
    return tasks;
  }

  /** The same of letters. With none left behind the last part it begins anew at once: their queue is to be looked at. */
  async function nextUndecided(quietSince: number): Promise<readonly Task[]> {
    const after = lastUndecided;
    const tasks = await ledger.sweeps.undecided(quietSince, settings.batch, after);
    lastUndecided = tasks.length === settings.batch ? tasks.at(-1) : undefined;
    return tasks.length === 0 && after !== undefined ? await nextUndecided(quietSince) : tasks;
  }

  /**
   * Those that are not looked at this time have no history the next time. Queues that are gone are none that are empty: they
   * may be declared again any moment; unless they are of no type that anybody knows.
   */
  async function lookAtRoles(roles: readonly string[]): Promise<void> {
    const queues = new Map<string, readonly string[]>();
    for (const role of roles) queues.set(role, await parts.queuesOf(role));
    const counts =
      roles.length === 0 ? new Map<string, number>() : await parts.readyCounts([...queues.values()].flat());
    gone.clear();
    orders.clear();
    const empty: string[] = [];
    for (const [role, names] of queues) {
      const found = names.flatMap((name) => counts.get(name) ?? []);
      orders.set(role, serviceOrder(names));
      if (found.length === 0 && hasWorkOfNoKnownType(role)) gone.add(role);
      // One of several that does not exist may come into being with a message at once.
      if (gone.has(role) || (found.length === names.length && found.every((count) => count === 0))) empty.push(role);
    }
    for (const role of emptySince.keys()) if (!empty.includes(role)) emptySince.delete(role);
    for (const role of empty) if (!emptySince.has(role)) emptySince.set(role, now());
  }

  function hasWorkOfNoKnownType(role: string): boolean {
    return role !== queueNames.deadLetters && !known.has(role);
  }

  async function lostTasks(type: string, tasks: readonly Task[]): Promise<readonly Repair[]> {
    const role = workQueue(type);
    const lost = lostMessages(tasks, queueFacts(role, await newestClaimed(type, tasks)));
    const mend = gone.has(role) ? parkUnroutable : publishAgain;
    return lost.map(({ task, why }) => ({
      task,
      queue: role,
      counts: why === 'queue-empty' ? 'queueEmpty' : 'overtaken',
      make: () => mend(task),
    }));
  }

  async function lostLetters(undecided: readonly Task[]): Promise<readonly Repair[]> {
    const oldest = Math.min(...undecided.map(enteredBy));
    const newest =
      undecided.length === 0 ? null : await ledger.sweeps.newestDecided(oldest + settings.overtakenMarginMs);
    // Letters are served in their order whatever their tasks' priorities are.
    const inOrder = newest !== null && orders.get(queueNames.deadLetters) !== 'none';
    const facts = new Map(inOrder ? undecided.map(({ priority }) => [priority, newest]) : []);
    const lost = lostMessages(undecided, queueFacts(queueNames.deadLetters, facts));
    const queue = queueNames.deadLetters;
    return lost.map(({ task }) => ({ task, queue, counts: 'letters', make: () => publishLetterAgain(task) }));
  }

  function queueFacts(role: string, newest: ReadonlyMap<number, number>) {
    const { emptyMs, overtakenMarginMs: marginMs } = settings;
    return { now: now(), emptySince: emptySince.get(role) ?? null, emptyMs, newestClaimed: newest, marginMs };
  }

  async function newestClaimed(type: string, tasks: readonly Task[]): Promise<Map<number, number>> {
    const oldest = new Map<number, number>();
    for (const task of tasks) {
      oldest.set(task.priority, Math.min(enteredBy(task), oldest.get(task.priority) ?? Number.POSITIVE_INFINITY));
    }
    const newest = new Map<number, number>();
    const order = orders.get(workQueue(type)) ?? 'none';
    if (order === 'none') return newest;
    for (const [priority, since] of oldest) {
      // A lane says nothing of the others, and within it some brokers serve two priorities side by side.
      const served = { from: order === 'lane' ? priority : 0, to: priority };
      const found = await ledger.sweeps.newestClaimed(type, served, since + settings.overtakenMarginMs);
      if (found !== null) newest.set(priority, found);
    }
    return newest;
  }

  /** One after another: after a loss the broker is given no more than it can take, and one that is away nothing more. */
  async function repair(repairs: readonly Repair[]): Promise<SweepReport> {
    const report = { ...nothing };
    const failures = new Map<string, number>();
    for (const { counts, make, queue, task } of failedLast(repairs)) {
      const failed = failures.get(queue) ?? 0;
      if (failed >= maxFailedRepairs) continue;
      if (!(await hold())) break;
      const outcome = await make();
      failedRepairs.delete(task.id);
      if (outcome === 'published') report[counts] += 1;
      else if (outcome === 'parked') report.parked += 1;
      else {
        report.failed += 1;
        failures.set(queue, failed + 1);
        failedRepairs.add(task.id);
      }
      if (outcome === 'unreachable') break;
    }
    for (const id of failedRepairs) if (failedRepairs.size > maxRemembered) failedRepairs.delete(id);
    return report;
  }

  function failedLast(repairs: readonly Repair[]): readonly Repair[] {
    const turns = new Map([...failedRepairs].map((id, turn) => [id, turn + 1]));
    return repairs.toSorted((one, other) => (turns.get(one.task.id) ?? 0) - (turns.get(other.task.id) ?? 0));
  }
}
