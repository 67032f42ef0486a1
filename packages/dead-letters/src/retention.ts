import { setTimeout as sleep } from 'node:timers/promises';
import { type Ledger, type Pruned, type RetentionLimits, retentionRules } from '@warren/ledger';
import type { Logger } from 'pino';
import { runRounds } from './rounds.js';

/** Of the limits, 0 keeps for ever and any number. */
export interface RetentionSettings extends RetentionLimits {
  /** Between two rounds, in milliseconds. */
  readonly intervalMs: number;
  /** Between two batches, in milliseconds: so long others have the ledger to themselves. 0: no pause. */
  readonly pauseMs: number;
  /** Rows that one transaction deletes at the most, whatever hangs on a task; 10 or more. */
  readonly batchRows: number;
}

const dayMs = 86_400_000;

export const defaultRetentionSettings: RetentionSettings = {
  completedMs: 7 * dayMs,
  cancelledMs: 30 * dayMs,
  lettersMs: 30 * dayMs,
  maxTasks: 1_000_000,
  maxLetters: 100_000,
  intervalMs: 60_000,
  pauseMs: 20,
  batchRows: 300,
};

export interface RetentionParts {
  readonly ledger: Pick<Ledger, 'prunes' | 'leases' | 'untilAvailable'>;
  /** Names this process. Two with one name would both prune. */
  readonly owner: string;
  readonly settings: RetentionSettings;
  readonly now: () => number;
  readonly log: Logger;
}

/** What one round deleted. */
export interface RetentionReport {
  /** False when another process has the lease; then nothing was deleted. */
  readonly active: boolean;
  readonly tasks: number;
  readonly attempts: number;
  readonly letters: number;
  /** Whether the round ended before everything was gone that may go. */
  readonly more: boolean;
}

export interface Retention {
  /**
   * One round: what is kept long enough by now, in small batches. Ends early, before the next batch, when the signal
   * aborts, when another process has taken the lease, and after {@link batchesInRound}. Rejects with `LedgerUnavailable`;
   * the next round finds what is left.
   */
  pruneOnce(signal: AbortSignal): Promise<RetentionReport>;
  /** Rounds until the signal aborts; then the lease is given up. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

const leaseName = 'retention';

/** How much longer than the wait for the next round a silent process stays the one that prunes, in milliseconds. */
const leaseMarginMs = 30_000;

/** So that a ledger with years to let go of says now and then how far it has come. */
const batchesInRound = 1_000;

/**
 * Keeps the ledger bounded: prunes finished tasks and closed letters by age and number. Of several processes one is at
 * it. Claims and results go on beside it: each batch is a transaction of few rows, and they have the pauses between.
 */
export function createRetention({ ledger, log, now, owner, settings }: RetentionParts): Retention {
  const { intervalMs } = settings;
  const round = async (signal: AbortSignal) => (await pruneOnce(signal)).more;
  const brokeOff = 'retention broke off: the next round finds what it left';
  const role = { name: leaseName, owner, ledger, intervalMs, round, brokeOff, log };
  return { pruneOnce, run: (signal) => runRounds(role, signal) };

  async function pruneOnce(signal: AbortSignal): Promise<RetentionReport> {
    const report = { active: await hold(), tasks: 0, attempts: 0, letters: 0, more: false };
    if (!report.active) return report;
    let batches = 0;
    try {
      for await (const pruned of prune(signal)) {
        report.tasks += pruned.tasks;
        report.attempts += pruned.attempts;
        report.letters += pruned.letters;
        batches += 1;
        report.more = batches === batchesInRound;
        if (report.more) break;
      }
    } finally {
      const { attempts, letters, tasks } = report;
      if (tasks + attempts + letters > 0) log.info({ tasks, attempts, letters }, 'pruned what was kept long enough');
    }
    return report;
  }

  /** Batch by batch, for as long as this process may. */
  async function* prune(signal: AbortSignal): AsyncGenerator<Pruned> {
    for (const rule of retentionRules(settings, now())) {
      const last = await ledger.prunes.last(rule);
      for (let more = last !== undefined; last !== undefined && more; ) {
        if (signal.aborted || !(await hold())) return;
        const pruned = await ledger.prunes.next(rule, last, settings.batchRows);
        yield pruned;
        more = pruned.more;
        if (more) await sleep(settings.pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  function hold(): Promise<boolean> {
    return ledger.leases.acquire(leaseName, owner, now(), settings.intervalMs + leaseMarginMs);
  }
}
