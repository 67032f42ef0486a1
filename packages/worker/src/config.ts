import { hostname } from 'node:os';
import type { TaskType } from '@warren/tasks';
import { z } from 'zod';

export interface WorkerConfig {
  /** `AMQP_URL`: required. Several hosts, separated by commas, are tried in turn. */
  readonly amqpUrl: string;
  /** `LEDGER_URL`: required. `sqlite:///path` or `postgres://…`. */
  readonly ledgerUrl: string;
  /** `WARREN_DELAY`: which delay to use; default `auto`, what the broker has. */
  readonly delay: 'plugin' | 'ladder' | 'auto';
  /** `WARREN_CONCURRENCY`: tasks at the same time, and the prefetch; default the type's policy. */
  readonly concurrency: number;
  /** `WARREN_WORKER_NAME`: how people know this process; default `<type>@<host>`. A unique suffix is added. */
  readonly name: string;
  /** `WARREN_DRAIN_MS`: how long running tasks may go on after SIGTERM; default 10,000. 0: not at all. */
  readonly drainMs: number;
  /** `WARREN_LOG_LEVEL`: default `info`. */
  readonly logLevel: string;
}

const environment = z.object({
  AMQP_URL: z.string().min(1, 'is empty'),
  LEDGER_URL: z.string().min(1, 'is empty'),
  WARREN_DELAY: z.enum(['plugin', 'ladder', 'auto']).default('auto'),
  WARREN_CONCURRENCY: z.coerce.number().int().min(1).max(1_000).optional(),
  WARREN_WORKER_NAME: z.string().min(1).max(100).optional(),
  WARREN_DRAIN_MS: z.coerce.number().int().min(0).max(600_000).default(10_000),
  WARREN_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** Judges an environment; a service hands in its own. Throws a ZodError that names each variable at fault. */
export function workerConfigFrom(env: Readonly<Record<string, string | undefined>>, type: TaskType): WorkerConfig {
  const given = environment.parse(env);
  return {
    amqpUrl: given.AMQP_URL,
    ledgerUrl: given.LEDGER_URL,
    delay: given.WARREN_DELAY,
    concurrency: given.WARREN_CONCURRENCY ?? type.policy.concurrency,
    name: given.WARREN_WORKER_NAME ?? `${type.name}@${hostname()}`,
    drainMs: given.WARREN_DRAIN_MS,
    logLevel: given.WARREN_LOG_LEVEL,
  };
}
