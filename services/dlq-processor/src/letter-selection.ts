import { parseCount, parseDuration, parseFilter, type TaskFilter, UsageError } from '@warren/cli';
import { type LetterFilter, type LetterState, letterStates } from '@warren/ledger';
import { reasonCodes } from '@warren/tasks';
import { type Command, Option } from 'commander';
import { z } from 'zod';

export const defaultListLimit = 50;
/** Letters that one bulk action touches, at most, unless `--limit` says otherwise. */
export const defaultBulkLimit = 1_000;
const maxLimit = 100_000;

/** The flags that choose letters; a command may add its own. */
export function addSelectionOptions(command: Command, defaultLimit: number): Command {
  return command
    .addOption(new Option('--filter <filter>', 'such as: type:research code:timeout,network age:>2h tenant:acme'))
    .addOption(new Option('--state <states>', `${letterStates.join(', ')}, or all (default: parked)`))
    .addOption(new Option('--type <type>', 'only letters of this task type'))
    .addOption(new Option('--code <codes>', `one or several, joined by commas: ${reasonCodes.join(', ')}`))
    .addOption(new Option('--tenant <name>', 'only letters of this tenant'))
    .addOption(new Option('--older-than <duration>', 'only letters last seen longer ago than this: 2h, 3d'))
    .addOption(new Option('--limit <count>', `at most so many, newest first (default: ${defaultLimit})`));
}

export const selectionFlags = z.object({
  filter: z.string().optional(),
  state: z.string().optional(),
  type: z.string().optional(),
  code: z.string().optional(),
  tenant: z.string().optional(),
  olderThan: z.string().optional(),
  limit: z.string().optional(),
});

export type SelectionFlags = z.infer<typeof selectionFlags>;

/** Whether any letters are chosen: a limit alone chooses none. */
export function choosesLetters({ code, filter, olderThan, state, tenant, type }: SelectionFlags): boolean {
  return [code, filter, olderThan, state, tenant, type].some((flag) => flag !== undefined);
}

/** What the flags ask the ledger for. A flag that says what the filter says already is refused. Throws a UsageError. */
export function readSelection(flags: SelectionFlags, now: number, defaultLimit: number): LetterFilter {
  const { age, code, group, state, tenant, type } = withFlags(flags);
  const states = readStates(flags.state, state);
  return {
    ...(states === undefined ? {} : { states }),
    ...(type === undefined ? {} : { types: type }),
    ...(code === undefined ? {} : { codes: code }),
    ...(tenant === undefined ? {} : { tenants: tenant }),
    ...(group === undefined ? {} : { groups: group }),
    ...(age?.olderThanMs === undefined ? {} : { seenBefore: now - age.olderThanMs - 1 }),
    ...(age?.youngerThanMs === undefined ? {} : { seenSince: now - age.youngerThanMs + 1 }),
    limit: flags.limit === undefined ? defaultLimit : parseCount(flags.limit, '--limit', { min: 1, max: maxLimit }),
  };
}

function withFlags(flags: SelectionFlags): TaskFilter {
  const filter = flags.filter === undefined ? {} : parseFilter(flags.filter, '--filter');
  const given: TaskFilter = {
    ...(flags.type === undefined ? {} : { type: [flags.type] }),
    ...(flags.tenant === undefined ? {} : { tenant: [flags.tenant] }),
    ...(flags.code === undefined ? {} : parseFilter(`code:${flags.code}`, '--code')),
    ...(flags.olderThan === undefined ? {} : { age: { olderThanMs: parseDuration(flags.olderThan, '--older-than') } }),
  };
  for (const [key, flag] of flagOfKey) if (key in given && key in filter) throw saidTwice(flag);
  if (flags.state !== undefined && filter.state !== undefined) throw saidTwice('--state');
  return { ...filter, ...given };
}

const flagOfKey = [
  ['type', '--type'],
  ['tenant', '--tenant'],
  ['code', '--code'],
  ['age', '--older-than'],
] as const;

/** Undefined: all. The filter's words for states are those of tasks; a letter has its own. */
function readStates(
  flag: string | undefined,
  filtered: readonly string[] | undefined,
): readonly LetterState[] | undefined {
  if (flag === 'all') return undefined;
  const [names, field] = flag === undefined ? [filtered ?? ['parked'], '--filter'] : [flag.split(','), '--state'];
  return names.map((name) => {
    const state = letterStates.find((known) => known === name);
    if (state) return state;
    throw new UsageError(`${field}: a dead letter is never "${name}"`, {
      field,
      next: `choose from ${letterStates.join(', ')}, or --state all`,
    });
  });
}

function saidTwice(flag: string): UsageError {
  return new UsageError(`${flag}: --filter says it already`, { field: flag, next: 'say it once' });
}
