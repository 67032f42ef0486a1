import { hostname } from 'node:os';
import { type ServiceConfig, serviceConfigOf, serviceEnvironment, setVariables } from '@warren/broker';
import type { TaskType } from '@warren/tasks';
import { z } from 'zod';

export interface WorkerConfig extends ServiceConfig {
  /** `WARREN_CONCURRENCY`: tasks at the same time, and the prefetch; default the type's policy. */
  readonly concurrency: number;
  /** `WARREN_WORKER_NAME`: how people know this process; default `<type>@<host>`. A unique suffix is added. */
  readonly name: string;
}

const environment = serviceEnvironment.extend({
  WARREN_CONCURRENCY: z.coerce.number().int().min(1).max(1_000).optional(),
  WARREN_WORKER_NAME: z.string().max(100).optional(),
});

/**
 * Judges an environment; a service hands in its own. An empty variable counts as one that is not set. Throws a ZodError
 * that names each variable at fault.
 */
export function workerConfigFrom(env: Readonly<Record<string, string | undefined>>, type: TaskType): WorkerConfig {
  const given = environment.parse(setVariables(env));
  return {
    ...serviceConfigOf(given),
    concurrency: given.WARREN_CONCURRENCY ?? type.policy.concurrency,
    name: given.WARREN_WORKER_NAME ?? `${type.name}@${hostname()}`,
  };
}
