import { type ServiceConfig, serviceConfigOf, serviceEnvironment, setVariables } from '@warren/broker';
import { defaultOutboxLimit } from '@warren/intake';
import { z } from 'zod';

export interface ProducerConfig extends ServiceConfig {
  /** `WARREN_PREFETCH`: messages of queue `submitted` in hand at the same time, 1 to 1,000; default 50. */
  readonly prefetch: number;
  /** `WARREN_OUTBOX_LIMIT`: tasks whose publish may be owed before nothing more is taken in, from 1; default 10,000. */
  readonly outboxLimit: number;
}

/** The only place of this service that reads the environment. */
export function readConfig(): ProducerConfig {
  return producerConfigFrom(process.env);
}

const environment = serviceEnvironment.extend({
  WARREN_PREFETCH: z.coerce.number().int().min(1).max(1_000).default(50),
  WARREN_OUTBOX_LIMIT: z.coerce.number().int().min(1).max(10_000_000).default(defaultOutboxLimit),
});

/** Judges an environment; an empty variable counts as one that is not set. Throws a ZodError that names each at fault. */
export function producerConfigFrom(env: Readonly<Record<string, string | undefined>>): ProducerConfig {
  const given = environment.parse(setVariables(env));
  return {
    ...serviceConfigOf(given),
    prefetch: given.WARREN_PREFETCH,
    outboxLimit: given.WARREN_OUTBOX_LIMIT,
  };
}
