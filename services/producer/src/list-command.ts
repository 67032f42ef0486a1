import {
  type Column,
  columnsOption,
  completing,
  filterWords,
  formatAge,
  oneLine,
  parseCount,
  parseFilter,
  readMoment,
  sameCommand,
  type TaskFilter,
  UsageError,
  unknownTypesNote,
} from '@warren/cli';
import type { Ledger, TaskFilter as LedgerFilter, Task } from '@warren/ledger';
import { classOf, taskStates, taskTypes } from '@warren/tasks';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { readId } from './build-submission.js';
import { toneOf } from './show-command.js';
import { standingOf } from './standing.js';
import { type TaskContext, withLedger } from './task-context.js';

const defaultLimit = 20;
const maxLimit = 1_000;
const typeNames = taskTypes.map(({ name }) => name);

export function addListCommand(task: Command, context: TaskContext): void {
  task
    .command('list')
    .description('the newest tasks first')
    .addOption(
      completing(
        new Option(
          '--filter <filter>',
          'such as: type:research code:timeout,rate-limited age:<2h tenant:acme state:parked',
        ),
        filterWords({ types: typeNames, states: taskStates }),
      ),
    )
    .addOption(
      completing(
        new Option('--state <states>', `one or several, joined by commas: ${taskStates.join(', ')}`),
        taskStates,
      ),
    )
    .addOption(completing(new Option('--type <type>', 'only tasks of this type'), typeNames))
    .addOption(new Option('--tenant <name>', 'only tasks of this tenant'))
    .addOption(new Option('--since <time>', 'only tasks submitted after: 2h ago, or 2030-01-31T18:00:00Z'))
    .addOption(new Option('--limit <count>', `how many a page holds (default: ${defaultLimit})`))
    .addOption(new Option('--after <id>', 'the page behind this task'))
    .addOption(columnsOption(columns(() => 0)))
    .action((flags: unknown, command: Command) => list(listFlags.parse(flags), command, context));
}

const listFlags = z.object({
  filter: z.string().optional(),
  state: z.string().optional(),
  type: z.string().optional(),
  tenant: z.string().optional(),
  since: z.string().optional(),
  limit: z.string().optional(),
  after: z.string().optional(),
});

type ListFlags = z.infer<typeof listFlags>;

async function list(flags: ListFlags, command: Command, context: TaskContext): Promise<void> {
  const { output, world } = context;
  const limit =
    flags.limit === undefined ? defaultLimit : parseCount(flags.limit, '--limit', { min: 1, max: maxLimit });
  const after = flags.after === undefined ? undefined : readId(flags.after, '--after');
  const wanted = readWanted(flags, world.now());
  const found = await withLedger(context, async (ledger) => {
    const place = after === undefined ? {} : { after: await placeOf(after, ledger) };
    // One more than a page holds says whether there is another page.
    return await ledger.queries.tasks({ ...wanted, ...place, limit: limit + 1 });
  });
  const tasks = found.slice(0, limit);
  if (output.json) {
    const now = world.now();
    output.result(
      tasks.map((task) => withWhy(task, now)),
      '',
    );
    return tellMore(found, tasks, command, context);
  }
  const unknown = unknownTypesNote(wanted.types ?? [], tasks, typeNames);
  if (unknown !== undefined) output.note(unknown);
  output.table(tasks, columns(world.now), emptyWords(wanted, after));
  tellMore(found, tasks, command, context);
}

/** On stderr, also for a program: JSON of one page looks like all there is. */
function tellMore(found: readonly Task[], shown: readonly Task[], command: Command, { output }: TaskContext): void {
  const last = shown.at(-1);
  if (found.length <= shown.length || last === undefined) return;
  output.note(`there are more:\n  ${sameCommand(command, { after: last.id })}`);
}

function emptyWords(wanted: object, after: string | undefined): string {
  if (after !== undefined) return 'no more tasks';
  return Object.keys(wanted).length === 0 ? 'no tasks yet' : 'no such task';
}

async function placeOf(id: string, { queries }: Pick<Ledger, 'queries'>): Promise<Task> {
  const task = await queries.task(id);
  if (task) return task;
  throw new UsageError(`--after: there is no task ${id}`, {
    field: '--after',
    next: 'leave it out to begin with the first page',
  });
}

/** What the flags ask the ledger for. Flags add to the filter; one that says what the filter says already is refused. */
export function readWanted(flags: ListFlags, now: number): Omit<LedgerFilter, 'limit' | 'after'> {
  const given = flags.filter === undefined ? {} : parseFilter(flags.filter, '--filter');
  const { age, code, group, state, tenant, type } = withFlags(given, flags);
  const since = flags.since === undefined ? undefined : readSince(flags.since, now);
  const youngest = age?.youngerThanMs === undefined ? undefined : now - age.youngerThanMs + 1;
  const createdSince = since === undefined ? youngest : Math.max(since, youngest ?? since);
  return {
    ...(state === undefined ? {} : { states: state }),
    ...(type === undefined ? {} : { types: type }),
    ...(code === undefined ? {} : { codes: code }),
    ...(tenant === undefined ? {} : { tenants: tenant }),
    ...(group === undefined ? {} : { groups: group }),
    ...(age?.olderThanMs === undefined ? {} : { createdBefore: now - age.olderThanMs - 1 }),
    ...(createdSince === undefined ? {} : { createdSince }),
  };
}

function withFlags(filter: TaskFilter, flags: ListFlags): TaskFilter {
  const given: TaskFilter = {
    ...(flags.type === undefined ? {} : { type: [flags.type] }),
    ...(flags.tenant === undefined ? {} : { tenant: [flags.tenant] }),
    ...(flags.state === undefined ? {} : parseFilter(`state:${flags.state}`, '--state')),
  };
  const twice = (['type', 'tenant', 'state'] as const).find((key) => key in given && key in filter);
  if (twice === undefined) return { ...filter, ...given };
  throw new UsageError(`--${twice}: --filter says ${twice} already`, { field: `--${twice}`, next: 'say it once' });
}

function readSince(text: string, now: number): number {
  const at = readMoment(text.replace(/ ago$/, ''), (duration) => now - duration);
  if (at !== undefined) return at;
  throw new UsageError(`--since: "${text}" is neither a time nor a duration`, {
    field: '--since',
    next: 'write it as 2030-01-31T18:00:00Z, or how long ago: 2h, 1h30m, 7d',
  });
}

/** As `task show --json` says it, which knows its place in the queue besides. */
function withWhy(task: Task, now: number): Task & { readonly why: string } {
  return { ...task, why: standingOf(task, {}, now).says };
}

/** A line has little room, and the state stands beside it: what is parked says at once why. */
function whyWords(task: Task, now: number): string {
  const { reason, reasonCode, state } = task;
  if (state !== 'parked' || reasonCode === null) return standingOf(task, {}, now).says;
  return reason === null || reason === '' ? reasonCode : `${reasonCode}: ${reason}`;
}

function columns(now: () => number): readonly Column<Task>[] {
  return [
    { name: 'task', text: (task) => task.id },
    { name: 'type', text: (task) => task.type, yields: 1 },
    { name: 'state', text: (task) => task.state, tone: (task) => toneOf(task.state) },
    { name: 'age', text: (task) => formatAge(task.createdAt, now()), align: 'right' },
    { name: 'why', text: (task) => oneLine(whyWords(task, now())), flexible: true },
    { name: 'attempt', text: (task) => String(task.attempt), align: 'right', optional: true },
    { name: 'class', text: (task) => classOf(task.priority), optional: true },
    { name: 'tenant', text: (task) => task.tenant, optional: true },
    { name: 'group', text: (task) => task.group ?? '', optional: true },
    { name: 'code', text: (task) => task.reasonCode ?? '', optional: true },
    { name: 'key', text: (task) => task.idempotencyKey ?? '', optional: true },
  ];
}
