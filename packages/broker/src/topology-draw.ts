import { extname } from 'node:path';
import { taskTypes } from '@warren/tasks';
import {
  type DelayMechanism,
  type Drawing,
  dotDrawing,
  drawingOf,
  liveOn,
  mermaidDrawing,
  type QueueProfile,
  serviceRoles,
  standingGenerations,
  svgDrawing,
  textDrawing,
  textDrawingWidth,
  topologyDocument,
  topologyFor,
} from '@warren/topology';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { discoverDelay } from './delay-discovery.js';
import { queueDepths } from './inspect.js';
import { brokerAddress } from './inspect-connection.js';
import { managementClient } from './management.js';
import { managementAddress } from './management-request.js';
import {
  addressText,
  type CommandOutput,
  delayOption,
  delaySource,
  finderOf,
  profileOption,
  readDelay,
  readProfile,
  shownDelay,
  type TopologyCommandContext,
  withAdvice,
} from './topology-context.js';
import { heldOn } from './topology-held.js';
import { assertNamesFile, TopologyUsageError, writeOut } from './topology-out.js';

const drawingFormats = ['text', 'mermaid', 'dot', 'svg', 'markdown'] as const;

type DrawingFormat = (typeof drawingFormats)[number];

const formatHelp =
  'text (for a terminal), mermaid (a flowchart), dot (for Graphviz), svg (a picture) or markdown (the whole of docs/topology.md); default: by the ending of --out (.md, .mmd, .mermaid, .dot, .gv, .svg), else text, also when piped';

/** Adds `draw` to `warren topology`. */
export function addDrawCommand(topology: Command, context: TopologyCommandContext): void {
  topology
    .command('draw')
    .description('draw it with the services around it; without a broker, delay "auto" draws the ladder')
    .addOption(new Option('--format <format>', formatHelp).choices(drawingFormats))
    .option('--live', 'what the broker has: depths and consumers, what is missing and what is left over')
    .addOption(delayOption())
    .addOption(profileOption())
    .option('--full', 'every level of the delay ladder, not the ladder as one box')
    .option('--out <file>', 'write to this file, replacing it')
    .action((flags: unknown) => draw(flags, context));
}

const drawFlags = z.object({
  format: z.enum(drawingFormats).optional(),
  live: z.boolean().default(false),
  delay: z.string().optional(),
  profile: z.string().optional(),
  full: z.boolean().default(false),
  out: z.string().optional(),
});
type DrawFlags = z.infer<typeof drawFlags>;

async function draw(given: unknown, context: TopologyCommandContext): Promise<void> {
  const flags = drawFlags.parse(given);
  const { out } = flags;
  assertNamesFile(out);
  const { output } = context;
  const { text, ...about } = await drawn(flags, context);
  if (out === undefined) {
    if (about.format === 'text' && !output.json) noteNarrowTerminal(output);
    output.result({ ...about, drawing: text }, text);
    return;
  }
  await writeOut(out, `${text}\n`, 'the drawing');
  output.result({ ...about, file: out }, '');
  output.note(`${about.format} written to ${out}`);
}

interface Drawn {
  readonly format: DrawingFormat;
  /** Missing where the drawing tells of every delay. */
  readonly delay?: DelayMechanism;
  readonly profile?: QueueProfile;
  /** What a broker has otherwise than planned; missing where none was looked at. */
  readonly findings?: readonly string[];
  /** Without a line feed at its end. */
  readonly text: string;
}

async function drawn(flags: DrawFlags, context: TopologyCommandContext): Promise<Drawn> {
  const format = flags.format ?? formatOf(flags.out);
  if (format === 'markdown') return { format, text: document(flags, context) };
  const { delay, profile, drawing, title } = await (flags.live ? liveDrawing : plannedDrawing)(flags, context);
  const { findings } = drawing;
  const width = flags.out === undefined ? context.output.width : undefined;
  const text = await rendered(format, drawing, { title, width });
  return { format, delay, profile, ...(findings === undefined ? {} : { findings }), text };
}

async function rendered(
  format: Exclude<DrawingFormat, 'markdown'>,
  drawing: Drawing,
  { title, width }: { readonly title: string; readonly width: number | undefined },
): Promise<string> {
  switch (format) {
    case 'text':
      return textDrawing(drawing, width);
    case 'mermaid':
      return mermaidDrawing(drawing);
    case 'dot':
      return dotDrawing(drawing, title);
    case 'svg':
      return await svgDrawing(dotDrawing(drawing, title));
    default:
      return format satisfies never;
  }
}

function formatOf(out = ''): DrawingFormat {
  switch (extname(out).toLowerCase()) {
    case '.md':
      return 'markdown';
    case '.mmd':
    case '.mermaid':
      return 'mermaid';
    case '.dot':
    case '.gv':
      return 'dot';
    case '.svg':
      return 'svg';
    default:
      return 'text';
  }
}

/** One and the same on every machine: no flag, no variable and no broker has a say in it. */
function document({ live, delay, profile, full }: DrawFlags, { types = taskTypes }: TopologyCommandContext): string {
  const advice = 'drop it: the page tells of both delays and profiles as planned, and of every level of the ladder';
  const without = 'has no say in --format markdown';
  if (live) throw new TopologyUsageError('--live', without, advice);
  if (delay !== undefined) throw new TopologyUsageError('--delay', without, advice);
  if (profile !== undefined) throw new TopologyUsageError('--profile', without, advice);
  if (full) throw new TopologyUsageError('--full', without, advice);
  return topologyDocument(types).trimEnd();
}

interface TitledDrawing {
  readonly delay: DelayMechanism;
  readonly profile: QueueProfile;
  readonly drawing: Drawing;
  readonly title: string;
}

async function plannedDrawing(flags: DrawFlags, context: TopologyCommandContext): Promise<TitledDrawing> {
  const { types = taskTypes, env, output } = context;
  const { profile, priorities } = readProfile(env, flags);
  const { mechanism: delay, reason } = await shownDelay(readDelay(env, flags), context);
  output.note(`delay: ${delay} (${reason})`);
  const topology = topologyFor({ types, delay, profile, priorities });
  const drawing = drawingOf(topology, serviceRoles(topology, types), { full: flags.full });
  return { delay, profile, drawing, title: `Warren's topology (${profile} queues, delay by ${delay})` };
}

/** What stands on the broker, held to what is planned for it. */
async function liveDrawing(flags: DrawFlags, context: TopologyCommandContext): Promise<TitledDrawing> {
  const { types = taskTypes, env, output } = context;
  const { profile, priorities } = readProfile(env, flags);
  const finder = finderOf(context);
  const broker = finder.find();
  if (broker === undefined) throw finder.missing();
  const { amqpUrl, from } = broker;
  const address = addressText(amqpUrl);
  output.note(`broker: ${address} (from ${from === 'local stack' ? 'the local stack' : from})`);
  try {
    const { delay, reason } = await discoverDelay({
      amqpUrl,
      wanted: readDelay(env, flags),
      wantedBy: delaySource(flags),
    });
    output.note(`delay: ${delay.mechanism} (${reason})`);
    const { vhost } = brokerAddress(amqpUrl);
    const management = managementClient(managementAddress(amqpUrl, broker.managementUrl));
    const [held, counts] = await Promise.all([heldOn(management, vhost), queueDepths(management, vhost)]);
    const depths = new Map(counts.map(({ queue, ...depth }) => [queue, depth]));
    const first = { types, delay: delay.mechanism, profile, priorities };
    const topology = topologyFor({ ...first, generations: standingGenerations(held, topologyFor(first)) });
    const live = liveOn(topology, held, depths);
    const drawing = drawingOf(live, serviceRoles(topology, types), { full: flags.full });
    return { delay: delay.mechanism, profile, drawing, title: `What ${address} has` };
  } catch (error) {
    throw withAdvice(error, finder.adviceWhenSilent());
  }
}

function noteNarrowTerminal({ note, width = textDrawingWidth.usual }: CommandOutput): void {
  const { narrowest } = textDrawingWidth;
  if (width >= narrowest) return;
  note(`the picture needs ${narrowest} columns and this terminal has ${width}: widen it, or page with "less -S"`);
}
