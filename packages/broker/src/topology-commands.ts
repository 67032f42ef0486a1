import { type TaskType, taskTypes } from '@warren/tasks';
import { type DelayMechanism, delayMechanisms, type Topology, topologyFor } from '@warren/topology';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { type ApplySummary, applyTopology } from './apply.js';
import { addressOf, brokerUrls } from './connection-urls.js';
import { type DelayChoice, delayChoice, discoverDelay } from './delay-discovery.js';

/** How these commands speak: data by `result`, a line for the person by `note`. */
export interface CommandOutput {
  readonly json: boolean;
  result(value: unknown, humanText: string): void;
  note(line: string): void;
  /** A text for a result, the commands in it (`warren …`) as this person can paste them. */
  hint(text: string): string;
}

/** Where a broker is, and who says so: `AMQP_URL`, or the local stack. */
export interface FoundBroker {
  readonly amqpUrl: string;
  /** Undefined: derived from `amqpUrl`. */
  readonly managementUrl: string | undefined;
  readonly from: string;
}

export interface BrokerFinder {
  /** Undefined where nothing names a broker. */
  find(): FoundBroker | undefined;
  /** What to throw then. */
  missing(): Error;
}

export interface TopologyCommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly output: CommandOutput;
  /** Default: what `AMQP_URL` and `WARREN_MANAGEMENT_URL` say. */
  readonly brokerFinder?: BrokerFinder;
  /** Default: every task type there is. */
  readonly types?: readonly TaskType[];
}

/** Adds `warren topology apply` and `warren topology show`. */
export function addTopologyCommands(program: Command, context: TopologyCommandContext): void {
  const topology = program.command('topology').description('what the broker should hold for the task types there are');
  topology
    .command('apply')
    .description('declare exchanges, queues, bindings and policies; safe to repeat')
    .addOption(delayOption())
    .action((flags: unknown) => apply(readDelay(context.env, flags), context));
  topology
    .command('show')
    .description('print what apply would declare; without a broker, delay "auto" shows the ladder')
    .addOption(delayOption())
    .action((flags: unknown) => show(readDelay(context.env, flags), context));
}

const settings = z.object({ WARREN_DELAY: delayChoice });
const flagsOf = z.object({ delay: z.string().optional() });

/** The flag wins over `WARREN_DELAY`. An empty variable counts as one that is not set. */
function readDelay(env: TopologyCommandContext['env'], flags: unknown): DelayChoice {
  const { delay } = flagsOf.parse(flags);
  return settings.parse({ WARREN_DELAY: (delay ?? env.WARREN_DELAY) || undefined }).WARREN_DELAY;
}

function finderOf({ env, brokerFinder }: TopologyCommandContext): BrokerFinder {
  return (
    brokerFinder ?? {
      find: () =>
        env.AMQP_URL
          ? { amqpUrl: env.AMQP_URL, managementUrl: env.WARREN_MANAGEMENT_URL || undefined, from: 'AMQP_URL' }
          : undefined,
      missing: () =>
        new Error(
          'AMQP_URL is not set: name the broker to apply the topology to, as amqp://user:password@host:5672/vhost',
        ),
    }
  );
}

function delayOption(): Option {
  return new Option(
    '--delay <mechanism>',
    'what holds back tasks that are not due (default: WARREN_DELAY, or auto)',
  ).choices([...delayMechanisms, 'auto']);
}

async function apply(wanted: DelayChoice, context: TopologyCommandContext): Promise<void> {
  const { output, types = taskTypes } = context;
  const finder = finderOf(context);
  const broker = finder.find();
  if (broker === undefined) throw finder.missing();
  const { amqpUrl, managementUrl, from } = broker;
  output.note(`broker: ${addressText(amqpUrl)} (from ${from === 'local stack' ? 'the local stack' : from})`);
  const { delay, reason } = await discoverDelay({ amqpUrl, wanted });
  output.note(`delay: ${delay.mechanism} (${reason})`);
  const summary = await applyTopology({
    amqpUrl,
    ...(managementUrl === undefined ? {} : { managementUrl }),
    topology: topologyFor({ types, delay: delay.mechanism, profile: 'classic' }),
  });
  for (const warning of summary.warnings) output.note(`warning: ${warning}`);
  output.result({ delay: delay.mechanism, ...summary }, summaryText(summary));
}

async function show(wanted: DelayChoice, context: TopologyCommandContext): Promise<void> {
  const { output, types = taskTypes } = context;
  const topology = topologyFor({ types, delay: await shownDelay(wanted, finderOf(context)), profile: 'classic' });
  output.result(topology, topologyText(topology));
}

async function shownDelay(wanted: DelayChoice, finder: BrokerFinder): Promise<DelayMechanism> {
  if (wanted !== 'auto') return wanted;
  const broker = finder.find();
  return broker === undefined ? 'ladder' : (await discoverDelay({ amqpUrl: broker.amqpUrl, wanted })).delay.mechanism;
}

function summaryText({ vhost, exchanges, queues, bindings, policies }: ApplySummary): string {
  return `vhost "${vhost}" holds ${exchanges} exchanges, ${queues} queues, ${bindings} bindings and ${policies} policies of Warren's`;
}

function topologyText({ exchanges, queues, bindings, policies }: Topology): string {
  return [
    alignedColumns(
      ['EXCHANGE', 'TYPE', 'ARGUMENTS'],
      exchanges.map((one) => [one.name, one.type, settingsText(one.arguments)]),
    ),
    alignedColumns(
      ['QUEUE', 'ARGUMENTS'],
      queues.map((one) => [one.name, settingsText(one.arguments)]),
    ),
    alignedColumns(
      ['FROM', 'KEY', 'TO'],
      bindings.map((one) => [one.source, one.routingKey || '(any)', `${one.destinationKind} ${one.destination}`]),
    ),
    alignedColumns(
      ['POLICY', 'QUEUES', 'DEFINITION'],
      policies.map((one) => [one.name, one.pattern, settingsText(one.definition)]),
    ),
  ].join('\n\n');
}

function settingsText(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** Where a broker's hosts are, for people: `host:port vhost "name"`, without credentials. Throws a BrokerUrlError. */
export function addressText(amqpUrl: string): string {
  return brokerUrls(amqpUrl, () => 0)
    .map(addressOf)
    .join(', ');
}

/** Columns as wide as their widest cell; the last one is left as it is. */
export function alignedColumns(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
