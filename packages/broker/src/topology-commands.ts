import { taskTypes } from '@warren/tasks';
import { type Topology, topologyFor } from '@warren/topology';
import type { Command } from 'commander';
import type { DelayChoice } from './delay-discovery.js';
import { addApplyCommand } from './topology-apply.js';
import { delayOption, readDelay, readProfile, shownDelay, type TopologyCommandContext } from './topology-context.js';
import { addDoctorCommand } from './topology-doctor.js';
import { addDrawCommand } from './topology-draw.js';
import { addExportCommand } from './topology-export.js';
import { addMigrateCommand } from './topology-migrate.js';
import { addPlanCommand } from './topology-plan-command.js';
import { addUsersCommand } from './topology-users.js';

export type { BrokerFinder, CommandOutput, FoundBroker, TopologyCommandContext } from './topology-context.js';
export { addressText } from './topology-context.js';

/** Adds `warren topology plan | apply | migrate | show | draw | export | users | doctor`. */
export function addTopologyCommands(program: Command, context: TopologyCommandContext): void {
  const topology = program.command('topology').description('what the broker should hold for the task types there are');
  addPlanCommand(topology, context);
  addApplyCommand(topology, context);
  addMigrateCommand(topology, context);
  topology
    .command('show')
    .description('print what apply would declare; without a broker, delay "auto" shows the ladder')
    .addOption(delayOption())
    .action((flags: unknown) => show(readDelay(context.env, flags), context));
  addDrawCommand(topology, context);
  addExportCommand(topology, context);
  addUsersCommand(topology, context);
  addDoctorCommand(topology, context);
}

async function show(wanted: DelayChoice, context: TopologyCommandContext): Promise<void> {
  const { output, types = taskTypes } = context;
  const { mechanism } = await shownDelay(wanted, context);
  const topology = topologyFor({ types, delay: mechanism, ...readProfile(context.env) });
  output.result(topology, topologyText(topology));
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
