import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, PublishError } from '@warren/broker';
import { type Ledger, LedgerUnavailable, type Task } from '@warren/ledger';
import type { TaskType } from '@warren/tasks';
import { queueNames, workQueue } from '@warren/topology';
import type { Logger } from 'pino';
import { enteredBy, type LostMessage, lostMessages } from './lost-messages.js';
import { inputOf } from './task-input.js';

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
  /** Publishes of one kind in one round, at most. */
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

export interface SweeperParts {
  readonly ledger: Pick<Ledger, 'queries' | 'sweeps' | 'leases' | 'letters' | 'untilAvailable'>;
  readonly dispatcher: Pick<Dispatcher, 'dispatch' | 'republish'>;
  /** Messages ready in each of these queues; a queue that does not exist is left out. */
  readonly readyCounts: (queues: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  readonly types: readonly TaskType[];
  /** Names this process. Two with one name would both sweep. */
  readonly owner: string;
  readonly settings: SweeperSettings;
  readonly now: () => number;
  readonly log: Logger;
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
  /** Letters published again because nobody decided them and their queue is empty. */
  readonly letters: number;
  /** Publishes that failed; they are tried again in the next round. */
  readonly failed: number;
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
 * Makes good what nobody else will: publishes that a crash left owed, and messages that the broker lost. It finds both
 * in the ledger; the broker is only asked how many messages are in the queues of tasks that have waited for long.
 */
export function createSweeper(parts: SweeperParts): Sweeper {
  const { dispatcher, ledger, log, now, owner, settings, types } = parts;
  const emptySince = new Map<string, number>();
  const offsets = new Map<string, number>();

  return { sweepOnce, run };

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const more = await round(signal);
      if (!more) await sleep(settings.intervalMs, undefined, { signal }).catch(() => undefined);
    }
    await ledger.leases.release(leaseName, owner).catch(() => undefined);
  }

  /** True when there is more to do than one round may. */
  async function round(signal: AbortSignal): Promise<boolean> {
    try {
      const report = await sweepOnce();
      const { active, ...counts } = report;
      const busy = Object.values(counts).some((count) => count > 0);
      log[busy ? 'info' : 'debug'](report, 'sweep');
      return report.owed === settings.batch;
    } catch (error) {
      log.warn({ err: error }, 'sweep broke off: the next one finds what it left');
      if (error instanceof LedgerUnavailable) await ledger.untilAvailable(signal).catch(() => undefined);
      return false;
    }
  }

  async function sweepOnce(): Promise<SweepReport> {
    if (!(await hold()))
      return { active: false, owed: 0, queueEmpty: 0, overtaken: 0, letters: 0, failed: 0, settled: 0 };
    const debts = await payDebts();
    const quietSince = now() - settings.quietMs;
    const waiting = new Map<string, readonly Task[]>();
    for (const { name } of types) waiting.set(name, await nextWaiting(name, quietSince));
    const undecided = await ledger.sweeps.undecided(quietSince, settings.batch);
    await lookAtQueues([
      ...[...waiting].flatMap(([type, tasks]) => (tasks.length > 0 ? [workQueue(type)] : [])),
      ...(undecided.length > 0 ? [queueNames.deadLetters] : []),
    ]);
    const lost: LostMessage[] = [];
    for (const [type, tasks] of waiting) lost.push(...(await lostOf(type, tasks)));
    const letters = lostMessages(undecided, queueFacts(queueNames.deadLetters, new Map()));
    const failed = await republish([...lost, ...letters].map(({ task }) => task));
    return {
      active: true,
      owed: debts.paid,
      queueEmpty: lost.filter(({ why }) => why === 'queue-empty').length,
      overtaken: lost.filter(({ why }) => why === 'overtaken').length,
      letters: letters.length,
      failed: debts.failed + failed,
      settled: await ledger.letters.settleFinished(now()),
    };
  }

  function hold(): Promise<boolean> {
    return ledger.leases.acquire(leaseName, owner, now(), settings.leaseMs);
  }

  /** Side by side, because a broker that was away for a while leaves many; one that can't be published stops no other. */
  async function payDebts(): Promise<{ paid: number; failed: number }> {
    const tasks = await ledger.sweeps.owed(now() - settings.owedAfterMs, settings.batch);
    const tries = await Promise.all(tasks.map((task) => attempt(() => dispatchOwed(task))));
    const errors = tries.filter((error) => error !== undefined);
    if (errors.length > 0) log.warn({ err: errors[0], count: errors.length }, 'publishes are owed and still fail');
    return { paid: tasks.length - errors.length, failed: errors.length };
  }

  async function dispatchOwed(task: Task): Promise<void> {
    await dispatcher.dispatch(task, await inputOf(task, ledger));
  }

  /** A long backlog is gone through a part a round, so that no lost message hides behind those that merely wait. */
  async function nextWaiting(type: string, quietSince: number): Promise<readonly Task[]> {
    const offset = offsets.get(type) ?? 0;
    const tasks = await ledger.sweeps.waiting(type, quietSince, settings.batch, offset);
    offsets.set(type, tasks.length === settings.batch ? offset + tasks.length : 0);
    return tasks;
  }

  /** A queue that is not looked at this time has no history the next time. */
  async function lookAtQueues(queues: readonly string[]): Promise<void> {
    const counts = queues.length === 0 ? new Map<string, number>() : await parts.readyCounts(queues);
    for (const queue of emptySince.keys()) if (counts.get(queue) !== 0) emptySince.delete(queue);
    for (const [queue, count] of counts) if (count === 0 && !emptySince.has(queue)) emptySince.set(queue, now());
  }

  async function lostOf(type: string, tasks: readonly Task[]): Promise<readonly LostMessage[]> {
    return lostMessages(tasks, queueFacts(workQueue(type), await newestClaimed(type, tasks)));
  }

  function queueFacts(queue: string, newest: ReadonlyMap<number, number>) {
    const { emptyMs, overtakenMarginMs: marginMs } = settings;
    return { now: now(), emptySince: emptySince.get(queue) ?? null, emptyMs, newestClaimed: newest, marginMs };
  }

  async function newestClaimed(type: string, tasks: readonly Task[]): Promise<Map<number, number>> {
    const oldest = new Map<number, number>();
    for (const task of tasks) {
      oldest.set(task.priority, Math.min(enteredBy(task), oldest.get(task.priority) ?? Number.POSITIVE_INFINITY));
    }
    const newest = new Map<number, number>();
    for (const [priority, since] of oldest) {
      const found = await ledger.sweeps.newestClaimed(type, priority, since + settings.overtakenMarginMs);
      if (found !== null) newest.set(priority, found);
    }
    return newest;
  }

  /** One after another: after a loss the broker is given no more than it can take. Answers how many failed. */
  async function republish(tasks: readonly Task[]): Promise<number> {
    let failed = 0;
    for (const task of tasks) {
      if (!(await hold())) break;
      const error = await attempt(async () => dispatcher.republish(task, await inputOf(task, ledger)));
      const facts = { task: task.id, type: task.type, dispatch: task.dispatch, state: task.state };
      if (error === undefined) {
        log.warn(facts, 'published again: its message was lost');
        continue;
      }
      log.warn({ ...facts, err: error }, 'its message was lost and could not be published again');
      failed += 1;
    }
    return failed;
  }
}

/** The publish's own failure, if it failed; any other error is thrown. */
async function attempt(publish: () => Promise<void>): Promise<PublishError | undefined> {
  try {
    await publish();
    return undefined;
  } catch (error) {
    if (error instanceof PublishError) return error;
    throw error;
  }
}
