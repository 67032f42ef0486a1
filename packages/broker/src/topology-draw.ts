import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { taskTypes } from '@warren/tasks';
import {
  type DelayMechanism,
  type Drawing,
  drawingOf,
  mermaidDrawing,
  serviceRoles,
  textDrawing,
  textDrawingWidth,
  topologyDocument,
  topologyFor,
} from '@warren/topology';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import {
  type CommandOutput,
  delayOption,
  readDelay,
  shownDelay,
  type TopologyCommandContext,
} from './topology-context.js';

const drawingFormats = ['text', 'mermaid', 'markdown'] as const;

type DrawingFormat = (typeof drawingFormats)[number];

const formatHelp =
  'text (for a terminal), mermaid (a flowchart) or markdown (the whole of docs/topology.md); default: by the ending of --out (.md, .mmd, .mermaid), else text, also when piped';

/** Adds `draw` to `warren topology`. */
export function addDrawCommand(topology: Command, context: TopologyCommandContext): void {
  topology
    .command('draw')
    .description('draw it with the services around it; without a broker, delay "auto" draws the ladder')
    .addOption(new Option('--format <format>', formatHelp).choices(drawingFormats))
    .addOption(delayOption())
    .option('--full', 'every level of the delay ladder, not the ladder as one box')
    .option('--out <file>', 'write to this file, replacing it')
    .action((flags: unknown) => draw(flags, context));
}

const drawFlags = z.object({
  format: z.enum(drawingFormats).optional(),
  delay: z.string().optional(),
  full: z.boolean().default(false),
  out: z.string().optional(),
});
type DrawFlags = z.infer<typeof drawFlags>;

async function draw(given: unknown, context: TopologyCommandContext): Promise<void> {
  const flags = drawFlags.parse(given);
  const { out } = flags;
  if (out === '') throw new DrawUsageError('--out', 'names no file', 'name one, or drop it to print');
  const { output } = context;
  const { text, ...about } = await drawn(flags, context);
  if (out === undefined) {
    if (about.format === 'text' && !output.json) noteNarrowTerminal(output);
    output.result({ ...about, drawing: text }, text);
    return;
  }
  await write(out, `${text}\n`);
  output.result({ ...about, file: out }, '');
  output.note(`${about.format} written to ${out}`);
}

interface Drawn {
  readonly format: DrawingFormat;
  /** Missing where the drawing tells of every delay. */
  readonly delay?: DelayMechanism;
  /** Without a line feed at its end. */
  readonly text: string;
}

async function drawn(flags: DrawFlags, context: TopologyCommandContext): Promise<Drawn> {
  const format = flags.format ?? formatOf(flags.out);
  switch (format) {
    case 'markdown':
      return { format, text: document(flags, context) };
    case 'mermaid':
    case 'text': {
      const { delay, drawing } = await drawingFrom(flags, context);
      const width = flags.out === undefined ? context.output.width : undefined;
      return { format, delay, text: format === 'text' ? textDrawing(drawing, width) : mermaidDrawing(drawing) };
    }
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
    default:
      return 'text';
  }
}

/** One and the same on every machine: no flag, no variable and no broker has a say in it. */
function document({ delay, full }: DrawFlags, { types = taskTypes }: TopologyCommandContext): string {
  const advice = 'drop it: the page tells of both delays, and of every level of the ladder';
  if (delay !== undefined) throw new DrawUsageError('--delay', 'has no say in --format markdown', advice);
  if (full) throw new DrawUsageError('--full', 'has no say in --format markdown', advice);
  return topologyDocument(types, 'classic').trimEnd();
}

async function drawingFrom(
  flags: DrawFlags,
  context: TopologyCommandContext,
): Promise<{ delay: DelayMechanism; drawing: Drawing }> {
  const { types = taskTypes, env, output } = context;
  const { mechanism: delay, reason } = await shownDelay(readDelay(env, flags), context);
  output.note(`delay: ${delay} (${reason})`);
  const topology = topologyFor({ types, delay, profile: 'classic' });
  return { delay, drawing: drawingOf(topology, serviceRoles(topology, types), { full: flags.full }) };
}

function noteNarrowTerminal({ note, width = textDrawingWidth }: CommandOutput): void {
  if (width >= textDrawingWidth) return;
  note(
    `the picture needs ${textDrawingWidth} columns and this terminal has ${width}: widen it, or page with "less -S"`,
  );
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DrawFileError(`the drawing could not be written to ${file} (${why})`);
  }
}

/** The command line is wrong: nothing was drawn. */
class DrawUsageError extends Error {
  override readonly name = 'DrawUsageError';
  readonly code = 'usage';
  readonly exitCode = 2;
  readonly field: string;
  readonly next: string;

  constructor(field: string, what: string, next: string) {
    super(`${field} ${what}`);
    this.field = field;
    this.next = next;
  }
}

class DrawFileError extends Error {
  override readonly name = 'DrawFileError';
  readonly code = 'failed';
  readonly exitCode = 1;
  readonly field = '--out';
  readonly next = 'name a file in a folder that exists and may be written to';
}
