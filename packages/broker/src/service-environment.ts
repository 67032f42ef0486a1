import type { QueueProfile, QuorumPriorities } from '@warren/topology';
import { z } from 'zod';
import { tlsEnvironment, withTlsSettings } from './connection-tls.js';
import { type DelayChoice, delayChoice } from './delay-discovery.js';
import { prioritiesChoice, profileChoice } from './profile-choice.js';

/** What every service is told by its environment. */
export interface ServiceConfig {
  /**
   * `AMQP_URL`: required. Several hosts, separated by commas, are tried in turn. With `amqps`: and what `WARREN_TLS_CA`,
   * `WARREN_TLS_CERT` and `WARREN_TLS_KEY` name, paths of PEM files, as parameters of the URL.
   */
  readonly amqpUrl: string;
  /** `LEDGER_URL`: required. `sqlite:///path` or `postgres://…`. */
  readonly ledgerUrl: string;
  /** `WARREN_DELAY`: what holds back tasks that are not due, `plugin`, `ladder` or `auto`; default `auto`, what the broker has. */
  readonly delay: DelayChoice;
  /** `WARREN_PROFILE`: what the queues are made of, `classic` or `quorum`; default `classic`. As the topology was applied. */
  readonly profile: QueueProfile;
  /** `WARREN_QUORUM_PRIORITIES`: `lanes` or, from RabbitMQ 4.3 on, `strict`; default `lanes`. */
  readonly priorities: QuorumPriorities;
  /** `WARREN_DRAIN_MS`: how long what is in hand may take after SIGTERM, in milliseconds, 0 to 600,000; default 10,000. 0: not at all. */
  readonly drainMs: number;
  /** `WARREN_LOG_LEVEL`: default `info`. */
  readonly logLevel: string;
  /** `WARREN_HEALTH_FILE`: touched every 5 seconds while the service is connected to the broker; default none. */
  readonly healthFile?: string;
}

/** How long what is in hand may take when a service stops, in milliseconds, unless it is told otherwise. */
export const defaultDrainMs = 10_000;
const drainMs = z.coerce.number().int().min(0).max(600_000).default(defaultDrainMs);

/** The variables of {@link ServiceConfig}; a service extends it with its own and parses {@link setVariables} of its environment. */
export const serviceEnvironment = z.object({
  AMQP_URL: z.string(),
  LEDGER_URL: z.string(),
  WARREN_DELAY: delayChoice,
  WARREN_PROFILE: profileChoice,
  WARREN_QUORUM_PRIORITIES: prioritiesChoice,
  WARREN_DRAIN_MS: drainMs,
  WARREN_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  WARREN_HEALTH_FILE: z.string().optional(),
  ...tlsEnvironment.shape,
});

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that say something: an empty or blank one counts as one that is not set. */
export function setVariables(env: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined || value.trim() === '' ? [] : [[name, value]])),
  );
}

export function serviceConfigOf(given: z.infer<typeof serviceEnvironment>): ServiceConfig {
  return {
    amqpUrl: withTlsSettings(given.AMQP_URL, given),
    ledgerUrl: given.LEDGER_URL,
    delay: given.WARREN_DELAY,
    profile: given.WARREN_PROFILE,
    priorities: given.WARREN_QUORUM_PRIORITIES,
    drainMs: given.WARREN_DRAIN_MS,
    logLevel: given.WARREN_LOG_LEVEL,
    ...(given.WARREN_HEALTH_FILE === undefined ? {} : { healthFile: given.WARREN_HEALTH_FILE }),
  };
}

/**
 * What a stop takes beside the drain at the most, in milliseconds: handlers that ignore their signal, publishes that wait
 * for their confirms, and connections and a ledger that don't answer when they are closed.
 */
const stopMarginMs = 30_000;

/** How long a service may take to stop, in milliseconds. */
export function stopWithinMs({ drainMs }: Pick<ServiceConfig, 'drainMs'>): number {
  return drainMs + stopMarginMs;
}

/** The same for a service that is given this environment, for whoever supervises it; one that can't be read counts as unset. */
export function stopWithinMsUnder(env: Environment): number {
  return stopWithinMs({ drainMs: drainMs.catch(defaultDrainMs).parse(setVariables(env).WARREN_DRAIN_MS) });
}
