import { taskTypes } from '@warren/tasks';
import { type Topology, topologyFor } from '@warren/topology';
import type { Command } from 'commander';
import { type ApplySummary, applyTopology } from './apply.js';
import { addressOf, brokerUrls } from './connection-urls.js';
import { type DelayChoice, discoverDelay } from './delay-discovery.js';
import { delayOption, finderOf, readDelay, shownDelay, type TopologyCommandContext } from './topology-context.js';
import { addDrawCommand } from './topology-draw.js';

export type { BrokerFinder, CommandOutput, FoundBroker, TopologyCommandContext } from './topology-context.js';

/** Adds `warren topology apply | show | draw`. */
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
  const { mechanism } = await shownDelay(wanted, context);
  const topology = topologyFor({ types, delay: mechanism, profile: 'classic' });
  output.result(topology, topologyText(topology));
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
