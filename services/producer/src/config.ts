import { type DelayChoice, delayChoice } from '@warren/broker';
import { defaultOutboxLimit } from '@warren/intake';
import { z } from 'zod';

export interface ProducerConfig {
  /** `AMQP_URL`: required. Several hosts, separated by commas, are tried in turn. */
  readonly amqpUrl: string;
  /** `LEDGER_URL`: required. `sqlite:///path` or `postgres://…`. */
  readonly ledgerUrl: string;
  /** `WARREN_DELAY`: what holds back tasks that are not due, `plugin`, `ladder` or `auto`; default `auto`, what the broker has. */
  readonly delay: DelayChoice;
  /** `WARREN_PREFETCH`: messages of queue `submitted` in hand at the same time, 1 to 1,000; default 50. */
  readonly prefetch: number;
  /** `WARREN_OUTBOX_LIMIT`: tasks whose publish may be owed before nothing more is taken in, from 1; default 10,000. */
  readonly outboxLimit: number;
  /** `WARREN_DRAIN_MS`: how long messages in hand may take after SIGTERM, in milliseconds; default 10,000. 0: not at all. */
  readonly drainMs: number;
  /** `WARREN_LOG_LEVEL`: default `info`. */
  readonly logLevel: string;
}

/** The only place of this service that reads the environment. */
export function readConfig(): ProducerConfig {
  return producerConfigFrom(process.env);
}

const environment = z.object({
  AMQP_URL: z.string().min(1, 'is empty'),
  LEDGER_URL: z.string().min(1, 'is empty'),
  WARREN_DELAY: delayChoice,
  WARREN_PREFETCH: z.coerce.number().int().min(1).max(1_000).default(50),
  WARREN_OUTBOX_LIMIT: z.coerce.number().int().min(1).max(10_000_000).default(defaultOutboxLimit),
  WARREN_DRAIN_MS: z.coerce.number().int().min(0).max(600_000).default(10_000),
  WARREN_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** Judges an environment. Throws a ZodError that names each variable at fault. */
export function producerConfigFrom(env: Readonly<Record<string, string | undefined>>): ProducerConfig {
  const given = environment.parse(env);
  return {
    amqpUrl: given.AMQP_URL,
    ledgerUrl: given.LEDGER_URL,
    delay: given.WARREN_DELAY,
    prefetch: given.WARREN_PREFETCH,
    outboxLimit: given.WARREN_OUTBOX_LIMIT,
    drainMs: given.WARREN_DRAIN_MS,
    logLevel: given.WARREN_LOG_LEVEL,
  };
}
