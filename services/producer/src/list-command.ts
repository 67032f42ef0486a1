import {
  type Column,
  columnsOption,
  formatAge,
  oneLine,
  parseCount,
  parseDuration,
  parseFilter,
  type TaskFilter,
  UsageError,
} from '@warren/cli';
import type { TaskFilter as LedgerFilter, Queries, Task } from '@warren/ledger';
import { classOf, taskStates } from '@warren/tasks';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { toneOf } from './show-command.js';
import { standingOf } from './standing.js';
import { type TaskContext, withLedger } from './task-context.js';

const defaultLimit = 20;
const maxLimit = 1_000;
/** Rows that are read to find those that a filter wants, where the ledger can't look for them itself. */
const maxScanned = 20_000;
const scanPage = 1_000;

export function addListCommand(task: Command, context: TaskContext): void {
  task
    .command('list')
    .description('the newest tasks first')
    .addOption(
      new Option(
        '--filter <filter>',
        'such as: type:research code:timeout,rate-limited age:<2h tenant:acme state:parked',
      ),
    )
    .addOption(new Option('--state <states>', `one or several, joined by commas: ${taskStates.join(', ')}`))
    .addOption(new Option('--type <type>', 'only tasks of this type'))
    .addOption(new Option('--tenant <name>', 'only tasks of this tenant'))
    .addOption(new Option('--since <time>', 'only tasks submitted after: 2h ago, or 2030-01-31T18:00:00Z'))
    .addOption(new Option('--limit <count>', `how many a page holds (default: ${defaultLimit})`))
    .addOption(new Option('--page <number>', 'which page, from 1'))
    .addOption(columnsOption(columns(() => 0)))
    .action((flags: unknown) => list(listFlags.parse(flags), context));
}

const listFlags = z.object({
  filter: z.string().optional(),
  state: z.string().optional(),
  type: z.string().optional(),
  tenant: z.string().optional(),
  since: z.string().optional(),
  limit: z.string().optional(),
  page: z.string().optional(),
});

type ListFlags = z.infer<typeof listFlags>;

async function list(flags: ListFlags, context: TaskContext): Promise<void> {
  const { output, world } = context;
  const limit =
    flags.limit === undefined ? defaultLimit : parseCount(flags.limit, '--limit', { min: 1, max: maxLimit });
  const page = flags.page === undefined ? 1 : parseCount(flags.page, '--page', { min: 1, max: 100_000 });
  const wanted = readWanted(flags, world.now());
  const found = await withLedger(context, ({ queries }) =>
    findTasks(queries, wanted, { limit, offset: (page - 1) * limit }),
  );
  output.table(found.tasks, columns(world.now), page === 1 ? 'no such task' : `page ${page} is empty`);
  if (found.more && !output.json) output.note(`there are more: --page ${page + 1}`);
  if (found.scannedAll) return;
  output.note(`looked at the newest ${maxScanned} only: narrow it down with --type, --state or --since`);
}

/** What the ledger can look for, and what is left to look at row by row. */
export interface Wanted {
  readonly inLedger: Omit<LedgerFilter, 'limit' | 'offset'>;
  /** Undefined: the ledger finds it all. */
  readonly matches: ((task: Task) => boolean) | undefined;
}

/** Flags add to the filter; one that says what the filter says already is refused. */
export function readWanted(flags: ListFlags, now: number): Wanted {
  const filter = withFlags(flags.filter === undefined ? {} : parseFilter(flags.filter, '--filter'), flags);
  const { age } = filter;
  const since = flags.since === undefined ? undefined : readSince(flags.since, now);
  const youngest = age?.youngerThanMs === undefined ? undefined : now - age.youngerThanMs + 1;
  const createdSince = since === undefined ? youngest : Math.max(since, youngest ?? since);
  const { rest, ...single } = split(filter);
  return {
    inLedger: {
      ...(filter.state === undefined ? {} : { states: filter.state }),
      ...single,
      ...(age?.olderThanMs === undefined ? {} : { createdBefore: now - age.olderThanMs - 1 }),
      ...(createdSince === undefined ? {} : { createdSince }),
    },
    matches: rest.length === 0 ? undefined : (task) => rest.every((matches) => matches(task)),
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

/** The ledger takes one type, one code and one tenant. */
function split({ type, code, tenant, group }: TaskFilter) {
  const several = <Value>(values: readonly Value[] | undefined, of: (task: Task) => Value | null) =>
    values !== undefined && values.length > 1 ? [(task: Task) => values.some((value) => value === of(task))] : [];
  return {
    ...only('type', type),
    ...only('code', code),
    ...only('tenant', tenant),
    rest: [
      ...several(type, (task) => task.type),
      ...several(code, (task) => task.reasonCode),
      ...several(tenant, (task) => task.tenant),
      ...(group === undefined ? [] : [(task: Task) => task.group !== null && group.includes(task.group)]),
    ],
  };
}

function only<Key extends string, Value>(key: Key, values: readonly Value[] | undefined) {
  const [first] = values ?? [];
  return values?.length === 1 && first !== undefined ? { [key]: first } : {};
}

function readSince(text: string, now: number): number {
  const at = /^\d{4}-/.test(text) ? Date.parse(text) : now - parseDuration(text.replace(/ ago$/, ''), '--since');
  if (!Number.isNaN(at)) return at;
  throw new UsageError(`--since: "${text}" is not a time`, {
    field: '--since',
    next: 'write 2h, or 2030-01-31T18:00:00Z',
  });
}

async function findTasks(
  queries: Pick<Queries, 'tasks'>,
  { inLedger, matches }: Wanted,
  { limit, offset }: { limit: number; offset: number },
): Promise<{ tasks: readonly Task[]; more: boolean; scannedAll: boolean }> {
  if (matches === undefined) {
    const rows = await queries.tasks({ ...inLedger, limit: limit + 1, offset });
    return { tasks: rows.slice(0, limit), more: rows.length > limit, scannedAll: true };
  }
  const found: Task[] = [];
  for (let scanned = 0; scanned < maxScanned; scanned += scanPage) {
    const rows = await queries.tasks({ ...inLedger, limit: scanPage, offset: scanned });
    found.push(...rows.filter(matches));
    const isEnd = rows.length < scanPage;
    if (isEnd || found.length > offset + limit) {
      return { tasks: found.slice(offset, offset + limit), more: found.length > offset + limit, scannedAll: true };
    }
  }
  return { tasks: found.slice(offset, offset + limit), more: false, scannedAll: false };
}

function columns(now: () => number): readonly Column<Task>[] {
  return [
    { name: 'task', text: (task) => task.id },
    { name: 'type', text: (task) => task.type },
    { name: 'state', text: (task) => task.state, tone: (task) => toneOf(task.state) },
    { name: 'age', text: (task) => formatAge(task.createdAt, now()), align: 'right' },
    { name: 'why', text: (task) => oneLine(standingOf(task, {}, now()).says), flexible: true },
    { name: 'attempt', text: (task) => String(task.attempt), align: 'right', optional: true },
    { name: 'class', text: (task) => classOf(task.priority), optional: true },
    { name: 'tenant', text: (task) => task.tenant, optional: true },
    { name: 'group', text: (task) => task.group ?? '', optional: true },
    { name: 'code', text: (task) => task.reasonCode ?? '', optional: true },
    { name: 'key', text: (task) => task.idempotencyKey ?? '', optional: true },
  ];
}
