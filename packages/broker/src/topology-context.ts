import type { TaskType } from '@warren/tasks';
import {
  type DelayMechanism,
  delayMechanisms,
  type QueueProfile,
  type QuorumPriorities,
  queueProfiles,
} from '@warren/topology';
import { Option } from 'commander';
import { z } from 'zod';
import { withTlsSettings } from './connection-tls.js';
import { addressOf, brokerUrls } from './connection-urls.js';
import { type DelayChoice, type DelaySource, delayChoice, discoverDelay } from './delay-discovery.js';
import { BrokerUnreachableError } from './exception.js';
import { prioritiesChoice, profileChoice } from './profile-choice.js';

/** How these commands speak: data by `result`, a line for the person by `note`. */
export interface CommandOutput {
  readonly json: boolean;
  result(value: unknown, humanText: string): void;
  note(line: string): void;
  /** A text for a result, the commands in it (`warren …`) as this person can paste them. */
  hint(text: string): string;
  /** The same, wrapped at words for the terminal that stdout is, its commands whole; `lead` begins it, the rest hangs below. */
  prose(text: string, lead?: string): string;
  /** Cells in a line of the terminal that stdout is; undefined where it is none. */
  readonly width: number | undefined;
}

/** Where a broker is, and who says so: `AMQP_URL`, or the local stack. */
export interface FoundBroker {
  readonly amqpUrl: string;
  /** Undefined: derived from `amqpUrl`. */
  readonly managementUrl: string | undefined;
  /** Of the ledger that belongs to it; undefined where nothing names one. */
  readonly ledgerUrl?: string | undefined;
  readonly from: string;
  /** As in `ApplyOptions`. */
  readonly isPrivate?: boolean;
}

export interface BrokerFinder {
  /** Undefined where nothing names a broker. */
  find(): FoundBroker | undefined;
  /** What to throw then. */
  missing(): Error;
  /** What to do where the broker that was found does not answer. */
  adviceWhenSilent(): string;
}

export interface TopologyCommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly output: CommandOutput;
  /** Default: what `AMQP_URL` and `WARREN_MANAGEMENT_URL` say. */
  readonly brokerFinder?: BrokerFinder;
  /** Asks a person, unless `yes`. Default: without `yes` a usage error, because nobody can answer. */
  readonly confirm?: (question: string, yes: boolean) => Promise<boolean>;
  /** Default: every task type there is. */
  readonly types?: readonly TaskType[];
  /** Asks the person a question whose answer is yes or no. Undefined where there is no terminal to answer on. */
  readonly ask?: ((question: string) => Promise<boolean>) | undefined;
  /** Takes the exit code of a command that ended well and has more to say than "done". Default: `process.exitCode`. */
  readonly exitWith?: (code: number) => void;
}

export function delayOption(): Option {
  return new Option(
    '--delay <mechanism>',
    'what holds back tasks that are not due (default: WARREN_DELAY, or auto)',
  ).choices([...delayMechanisms, 'auto']);
}

const settings = z.object({ WARREN_DELAY: delayChoice });
const flagsOf = z.object({ delay: z.string().optional() });

/** Where {@link readDelay} found what it read. */
export function delaySource(flags: unknown): DelaySource {
  return flagsOf.parse(flags).delay === undefined ? 'WARREN_DELAY' : '--delay';
}

/** The flag wins over `WARREN_DELAY`. An empty variable counts as one that is not set. */
export function readDelay(env: TopologyCommandContext['env'], flags: unknown): DelayChoice {
  const { delay } = flagsOf.parse(flags);
  return settings.parse({ WARREN_DELAY: (delay ?? env.WARREN_DELAY) || undefined }).WARREN_DELAY;
}

export function profileOption(): Option {
  return new Option('--profile <profile>', 'what the queues are made of (default: WARREN_PROFILE, or classic)').choices(
    [...queueProfiles],
  );
}

const profileSettings = z.object({ WARREN_PROFILE: profileChoice, WARREN_QUORUM_PRIORITIES: prioritiesChoice });
const profileFlags = z.object({ profile: z.string().optional() });

/** What the queues are made of. */
export interface ProfileSettings {
  readonly profile: QueueProfile;
  readonly priorities: QuorumPriorities;
}

/**
 * `WARREN_PROFILE` and `WARREN_QUORUM_PRIORITIES`, as the services read them; the flag, where a command has it, wins over the
 * first. An empty variable counts as one that is not set.
 */
export function readProfile(env: TopologyCommandContext['env'], flags: unknown = {}): ProfileSettings {
  const { profile } = profileFlags.parse(flags);
  const given = profileSettings.parse({
    WARREN_PROFILE: (profile ?? env.WARREN_PROFILE) || undefined,
    WARREN_QUORUM_PRIORITIES: env.WARREN_QUORUM_PRIORITIES || undefined,
  });
  return { profile: given.WARREN_PROFILE, priorities: given.WARREN_QUORUM_PRIORITIES };
}

/** The delay to show for a choice: with `auto` what the broker has, the ladder where nothing names a broker. */
export async function shownDelay(
  wanted: DelayChoice,
  context: Pick<TopologyCommandContext, 'env' | 'brokerFinder'>,
): Promise<{ readonly mechanism: DelayMechanism; readonly reason: string }> {
  if (wanted !== 'auto') return { mechanism: wanted, reason: 'as asked for' };
  const finder = finderOf(context);
  const broker = finder.find();
  if (broker === undefined) return { mechanism: 'ladder', reason: 'nothing names a broker to ask' };
  try {
    const { delay, reason } = await discoverDelay({ amqpUrl: broker.amqpUrl, wanted });
    return { mechanism: delay.mechanism, reason };
  } catch (error) {
    throw withAdvice(
      error,
      `${finder.adviceWhenSilent()}; or say "--delay ladder" or "--delay plugin", which ask none`,
    );
  }
}

/** The error; one that says that no broker answered says also what to do next. */
export function withAdvice(error: unknown, next: string): unknown {
  return error instanceof BrokerUnreachableError ? Object.assign(error, { code: 'network', next }) : error;
}

export function finderOf({ env, brokerFinder }: Pick<TopologyCommandContext, 'env' | 'brokerFinder'>): BrokerFinder {
  return (
    brokerFinder ?? {
      find: () =>
        env.AMQP_URL
          ? {
              amqpUrl: withTlsSettings(env.AMQP_URL, env),
              managementUrl: env.WARREN_MANAGEMENT_URL || undefined,
              ledgerUrl: env.LEDGER_URL || undefined,
              from: 'AMQP_URL',
            }
          : undefined,
      missing: () =>
        new Error(
          'AMQP_URL is not set: name the broker to apply the topology to, as amqp://user:password@host:5672/vhost',
        ),
      adviceWhenSilent: () => 'check that it runs and that AMQP_URL is right',
    }
  );
}

/** Where a broker's hosts are, for people: `host:port vhost "name"`, without credentials. Throws a BrokerUrlError. */
export function addressText(amqpUrl: string): string {
  return brokerUrls(amqpUrl, () => 0)
    .map(addressOf)
    .join(', ');
}
