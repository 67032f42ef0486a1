import { hostname } from 'node:os';
import { type ServiceConfig, serviceConfigOf, serviceEnvironment, setVariables } from '@warren/broker';
import { defaultSweeperSettings, type SweeperSettings } from '@warren/dead-letters';
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
}

/** The only place of this service that reads the environment. */
export function readConfig(): DlqProcessorConfig {
  return dlqProcessorConfigFrom(process.env);
}

const ms = (min: number) => z.coerce.number().int().min(min).max(86_400_000);
const usual = defaultSweeperSettings;

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
  };
}
