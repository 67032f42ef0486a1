import { type TaskType, taskTypes } from '@warren/tasks';
import { type DelayMechanism, delayMechanisms, type Topology, topologyFor } from '@warren/topology';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { type ApplySummary, applyTopology } from './apply.js';
import { delayChoice, discoverDelay } from './delay-discovery.js';

/** How these commands speak: data by `result`, a line for the person by `note`. */
export interface CommandOutput {
  readonly json: boolean;
  result(value: unknown, humanText: string): void;
  note(line: string): void;
}

export interface TopologyCommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly output: CommandOutput;
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
    .action((flags: unknown) => apply(readSettings(context.env, flags), context));
  topology
    .command('show')
    .description('print what apply would declare; without AMQP_URL, delay "auto" shows the ladder')
    .addOption(delayOption())
    .action((flags: unknown) => show(readSettings(context.env, flags), context));
}

type Settings = z.infer<typeof settings>;

const settings = z.object({
  AMQP_URL: z.string().min(1).optional(),
  WARREN_MANAGEMENT_URL: z.string().min(1).optional(),
  WARREN_DELAY: delayChoice,
});

const flagsOf = z.object({ delay: z.string().optional() });

/** The flag wins over `WARREN_DELAY`. An empty variable counts as one that is not set. */
function readSettings(env: TopologyCommandContext['env'], flags: unknown): Settings {
  const { delay } = flagsOf.parse(flags);
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  return settings.parse(delay === undefined ? set : { ...set, WARREN_DELAY: delay });
}

function delayOption(): Option {
  return new Option(
    '--delay <mechanism>',
    'what holds back tasks that are not due (default: WARREN_DELAY, or auto)',
  ).choices([...delayMechanisms, 'auto']);
}

async function apply(given: Settings, { output, types = taskTypes }: TopologyCommandContext): Promise<void> {
  const amqpUrl = given.AMQP_URL;
  if (amqpUrl === undefined) {
    throw new Error(
      'AMQP_URL is not set: name the broker to apply the topology to, as amqp://user:password@host:5672/vhost',
    );
  }
  const { delay, reason } = await discoverDelay({ amqpUrl, wanted: given.WARREN_DELAY });
  output.note(`delay: ${delay.mechanism} (${reason})`);
  const summary = await applyTopology({
    amqpUrl,
    ...(given.WARREN_MANAGEMENT_URL === undefined ? {} : { managementUrl: given.WARREN_MANAGEMENT_URL }),
    topology: topologyFor({ types, delay: delay.mechanism, profile: 'classic' }),
  });
  for (const warning of summary.warnings) output.note(`warning: ${warning}`);
  output.result({ delay: delay.mechanism, ...summary }, summaryText(summary));
}

async function show(given: Settings, { output, types = taskTypes }: TopologyCommandContext): Promise<void> {
  const topology = topologyFor({ types, delay: await shownDelay(given), profile: 'classic' });
  output.result(topology, topologyText(topology));
}

async function shownDelay({ AMQP_URL: amqpUrl, WARREN_DELAY: wanted }: Settings): Promise<DelayMechanism> {
  if (wanted !== 'auto') return wanted;
  return amqpUrl === undefined ? 'ladder' : (await discoverDelay({ amqpUrl, wanted })).delay.mechanism;
}

function summaryText({ vhost, exchanges, queues, bindings, policies }: ApplySummary): string {
  return `vhost "${vhost}" holds ${exchanges} exchanges, ${queues} queues, ${bindings} bindings and ${policies} policies of Warren's`;
}

function topologyText({ exchanges, queues, bindings, policies }: Topology): string {
  return [
    section(
      ['EXCHANGE', 'TYPE', 'ARGUMENTS'],
      exchanges.map((one) => [one.name, one.type, settingsText(one.arguments)]),
    ),
    section(
      ['QUEUE', 'ARGUMENTS'],
      queues.map((one) => [one.name, settingsText(one.arguments)]),
    ),
    section(
      ['FROM', 'KEY', 'TO'],
      bindings.map((one) => [one.source, one.routingKey || '(any)', `${one.destinationKind} ${one.destination}`]),
    ),
    section(
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
function section(heading: readonly string[], rows: readonly (readonly string[])[]): string {
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
