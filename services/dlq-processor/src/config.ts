import { hostname } from 'node:os';
import { type ServiceConfig, serviceConfigOf, serviceEnvironment, setVariables } from '@warren/broker';
import {
  defaultRetentionSettings,
  defaultSweeperSettings,
  type RetentionSettings,
  type SweeperSettings,
} from '@warren/dead-letters';
import { z } from 'zod';

export interface DlqProcessorConfig extends ServiceConfig {
  /** `WARREN_WORKER_NAME`: how people know this process; default `dlq-processor@<host>`. A unique suffix is added. */
  readonly name: string;
  /** `WARREN_PREFETCH`: letters of each queue in hand at the same time, 1 to 1,000; default 20. */
  readonly prefetch: number;
  /**
   * The sweeper's times, in milliseconds: `WARREN_SWEEP_INTERVAL_MS`, `WARREN_SWEEP_OWED_AFTER_MS`,
   * `WARREN_SWEEP_QUIET_MS`, `WARREN_SWEEP_EMPTY_MS`, `WARREN_SWEEP_OVERTAKEN_MARGIN_MS`, `WARREN_SWEEP_LEASE_MS`; and
   * `WARREN_SWEEP_BATCH`, publishes of a kind in a round. What they mean and their defaults: `SweeperSettings`.
   */
  readonly sweeper: SweeperSettings;
  /**
   * What is kept how long, in milliseconds, each 0 (for ever) or a minute to ten years: `WARREN_RETENTION_COMPLETED_MS`,
   * default 7 days, `WARREN_RETENTION_CANCELLED_MS` and `WARREN_RETENTION_LETTERS_MS`, default 30 days. How many, each 0
   * (any number) or more: `WARREN_RETENTION_MAX_TASKS` of each final state, default 1,000,000, and
   * `WARREN_RETENTION_MAX_LETTERS` of each closed state, default 100,000. At what pace: `WARREN_RETENTION_INTERVAL_MS`
   * between rounds, default 60,000, `WARREN_RETENTION_PAUSE_MS` between batches, default 20, and
   * `WARREN_RETENTION_BATCH_ROWS`, 10 to 1,000, default 300. What they mean: `RetentionSettings`.
   */
  readonly retention: RetentionSettings;
}

/** The only place of this service that reads the environment. */
export function readConfig(): DlqProcessorConfig {
  return dlqProcessorConfigFrom(process.env);
}

const ms = (min: number) => z.coerce.number().int().min(min).max(86_400_000);
const usual = defaultSweeperSettings;

/** A minute: what ended a moment ago may still meet a message of its own, or somebody who waits for its result. */
const shortestKeptMs = 60_000;
const longestKeptMs = 315_360_000_000;
const keptMs = z.coerce
  .number()
  .int()
  .refine((ms) => ms === 0 || (ms >= shortestKeptMs && ms <= longestKeptMs), {
    message: `must be 0, which keeps for ever, or ${shortestKeptMs} to ${longestKeptMs} ms`,
  });
const keptCount = z.coerce.number().int().min(0).max(1_000_000_000);
const kept = defaultRetentionSettings;

const environment = serviceEnvironment
  .extend({
    WARREN_WORKER_NAME: z.string().max(100).default(`dlq-processor@${hostname()}`),
    WARREN_PREFETCH: z.coerce.number().int().min(1).max(1_000).default(20),
    WARREN_SWEEP_INTERVAL_MS: ms(10).default(usual.intervalMs),
    WARREN_SWEEP_OWED_AFTER_MS: ms(0).default(usual.owedAfterMs),
    WARREN_SWEEP_QUIET_MS: ms(0).default(usual.quietMs),
    WARREN_SWEEP_EMPTY_MS: ms(0).default(usual.emptyMs),
    WARREN_SWEEP_OVERTAKEN_MARGIN_MS: ms(0).default(usual.overtakenMarginMs),
    WARREN_SWEEP_LEASE_MS: ms(10).default(usual.leaseMs),
    WARREN_SWEEP_BATCH: z.coerce.number().int().min(1).max(10_000).default(usual.batch),
    WARREN_RETENTION_COMPLETED_MS: keptMs.default(kept.completedMs),
    WARREN_RETENTION_CANCELLED_MS: keptMs.default(kept.cancelledMs),
    WARREN_RETENTION_LETTERS_MS: keptMs.default(kept.lettersMs),
    WARREN_RETENTION_MAX_TASKS: keptCount.default(kept.maxTasks),
    WARREN_RETENTION_MAX_LETTERS: keptCount.default(kept.maxLetters),
    WARREN_RETENTION_INTERVAL_MS: ms(10).default(kept.intervalMs),
    WARREN_RETENTION_PAUSE_MS: ms(0).default(kept.pauseMs),
    WARREN_RETENTION_BATCH_ROWS: z.coerce.number().int().min(10).max(1_000).default(kept.batchRows),
  })
  .refine((given) => given.WARREN_SWEEP_LEASE_MS > given.WARREN_SWEEP_INTERVAL_MS, {
    path: ['WARREN_SWEEP_LEASE_MS'],
    message: 'must be more than WARREN_SWEEP_INTERVAL_MS, or the lease runs out between two rounds',
  });

/** Judges an environment; an empty variable counts as one that is not set. Throws a ZodError that names each at fault. */
export function dlqProcessorConfigFrom(env: Readonly<Record<string, string | undefined>>): DlqProcessorConfig {
  const given = environment.parse(setVariables(env));
  return {
    ...serviceConfigOf(given),
    name: given.WARREN_WORKER_NAME,
    prefetch: given.WARREN_PREFETCH,
    sweeper: {
      intervalMs: given.WARREN_SWEEP_INTERVAL_MS,
      owedAfterMs: given.WARREN_SWEEP_OWED_AFTER_MS,
      quietMs: given.WARREN_SWEEP_QUIET_MS,
      emptyMs: given.WARREN_SWEEP_EMPTY_MS,
      overtakenMarginMs: given.WARREN_SWEEP_OVERTAKEN_MARGIN_MS,
      leaseMs: given.WARREN_SWEEP_LEASE_MS,
      batch: given.WARREN_SWEEP_BATCH,
    },
    retention: {
      completedMs: given.WARREN_RETENTION_COMPLETED_MS,
      cancelledMs: given.WARREN_RETENTION_CANCELLED_MS,
      lettersMs: given.WARREN_RETENTION_LETTERS_MS,
      maxTasks: given.WARREN_RETENTION_MAX_TASKS,
      maxLetters: given.WARREN_RETENTION_MAX_LETTERS,
      intervalMs: given.WARREN_RETENTION_INTERVAL_MS,
      pauseMs: given.WARREN_RETENTION_PAUSE_MS,
      batchRows: given.WARREN_RETENTION_BATCH_ROWS,
    },
  };
}
