import { taskTypes } from '@warren/tasks';
import { type Topology, topologyFor } from '@warren/topology';
import type { Command } from 'commander';
import { type ApplySummary, applyTopology } from './apply.js';
import { addressOf, brokerUrls } from './connection-urls.js';
import { type DelayChoice, discoverDelay } from './delay-discovery.js';
import { brokerAddress } from './inspect-connection.js';
import { managementClient } from './management.js';
import { ManagementError, managementAddress } from './management-request.js';
import {
  delayOption,
  type FoundBroker,
  finderOf,
  readDelay,
  shownDelay,
  type TopologyCommandContext,
  withAdvice,
} from './topology-context.js';
import { addDrawCommand } from './topology-draw.js';
import { missingFrom, type TopologyCount } from './topology-missing.js';
import { addUsersCommand } from './topology-users.js';

export type { BrokerFinder, CommandOutput, FoundBroker, TopologyCommandContext } from './topology-context.js';

/** Adds `warren topology apply | show | draw | users`. */
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
  addDrawCommand(topology, context);
  addUsersCommand(topology, context);
}

async function apply(wanted: DelayChoice, context: TopologyCommandContext): Promise<void> {
  const finder = finderOf(context);
  const broker = finder.find();
  if (broker === undefined) throw finder.missing();
  try {
    await applyTo(broker, wanted, context);
  } catch (error) {
    throw withAdvice(error, finder.adviceWhenSilent());
  }
}

async function applyTo(
  { amqpUrl, managementUrl, from, isPrivate = false }: FoundBroker,
  wanted: DelayChoice,
  { output, types = taskTypes }: TopologyCommandContext,
): Promise<void> {
  output.note(`broker: ${addressText(amqpUrl)} (from ${from === 'local stack' ? 'the local stack' : from})`);
  const { delay, reason } = await discoverDelay({ amqpUrl, wanted });
  output.note(`delay: ${delay.mechanism} (${reason})`);
  const topology = topologyFor({ types, delay: delay.mechanism, profile: 'classic' });
  const made = await missingOn({ amqpUrl, managementUrl }, topology);
  const summary = await applyTopology({
    amqpUrl,
    ...(managementUrl === undefined ? {} : { managementUrl }),
    topology,
    isPrivate,
  });
  for (const warning of summary.warnings) output.note(`warning: ${warning}`);
  output.result({ delay: delay.mechanism, ...summary, made }, output.prose(summaryText(summary, made)));
}

/** What applying is about to make; null where the management API can't be asked. Somebody who applies just now makes some of it. */
async function missingOn(
  { amqpUrl, managementUrl }: Pick<FoundBroker, 'amqpUrl' | 'managementUrl'>,
  topology: Topology,
): Promise<TopologyCount | null> {
  const { vhost } = brokerAddress(amqpUrl);
  const management = managementClient(managementAddress(amqpUrl, managementUrl));
  try {
    const [exchanges, queues, bindings] = await Promise.all([
      management.exchanges(vhost),
      management.queues(vhost),
      management.bindings(vhost),
    ]);
    return missingFrom({ exchanges, queues, bindings }, topology);
  } catch (error) {
    if (error instanceof ManagementError) return null;
    throw error;
  }
}

async function show(wanted: DelayChoice, context: TopologyCommandContext): Promise<void> {
  const { output, types = taskTypes } = context;
  const { mechanism } = await shownDelay(wanted, context);
  const topology = topologyFor({ types, delay: mechanism, profile: 'classic' });
  output.result(topology, topologyText(topology));
}

function summaryText(
  { vhost, exchanges, queues, bindings, policies }: ApplySummary,
  made: TopologyCount | null,
): string {
  const held = `${exchanges} exchanges, ${queues} queues, ${bindings} bindings and ${policies} policies of Warren's`;
  return `vhost "${vhost}" holds ${held}${made === null ? '' : `; ${madeText(made)}`}`;
}

function madeText({ exchanges, queues, bindings }: TopologyCount): string {
  return exchanges + queues + bindings === 0
    ? 'all of them were there already'
    : `new are ${exchanges} of the exchanges, ${queues} of the queues and ${bindings} of the bindings`;
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
