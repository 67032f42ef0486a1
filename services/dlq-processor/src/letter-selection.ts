import { completing, filterWords, parseCount, parseDuration, parseLetterFilter, UsageError } from '@warren/cli';
import { type LetterFilter, letterStates } from '@warren/ledger';
import { reasonCodes, taskTypes } from '@warren/tasks';
import { type Command, Option } from 'commander';
import { z } from 'zod';

export const defaultListLimit = 50;
/** Letters that one bulk action touches, at most, unless `--limit` says otherwise. */
export const defaultBulkLimit = 1_000;
const maxLimit = 100_000;

/** A word for what is parked and escalated, beside the states there are. */
const escalated = 'escalated';
const stateWords = [...letterStates, escalated] as const;
type StateWord = (typeof stateWords)[number];

/** How many a command takes by itself, and which of more than that. */
export interface SelectionLimit {
  readonly byDefault: number;
  readonly first: 'the newest' | 'the longest parked';
}

/** The flags that choose letters; a command may add its own. */
export function addSelectionOptions(command: Command, { byDefault, first }: SelectionLimit): Command {
  return command
    .addOption(
      completing(
        new Option('--filter <filter>', 'such as: type:research code:timeout,network age:>2h tenant:acme escalated:no'),
        filterWords({ types: taskTypes.map(({ name }) => name), states: stateWords, escalated: true }),
      ),
    )
    .addOption(
      completing(new Option('--state <states>', `${stateWords.join(', ')}, or all (default: parked)`), [
        ...stateWords,
        'all',
      ]),
    )
    .addOption(
      completing(
        new Option('--type <type>', 'only letters of this task type'),
        taskTypes.map(({ name }) => name),
      ),
    )
    .addOption(
      completing(
        new Option('--code <codes>', `one or several, joined by commas: ${reasonCodes.join(', ')}`),
        reasonCodes,
      ),
    )
    .addOption(new Option('--tenant <name>', 'only letters of this tenant'))
    .addOption(new Option('--older-than <duration>', 'only letters last seen longer ago than this: 2h, 3d'))
    .addOption(new Option('--limit <count>', `at most so many, ${first} first (default: ${byDefault})`));
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
  const { age, code, group, tenant, type, ...terms } = withFlags(flags);
  const chosen = readEscalated(terms.escalated, readStates(flags.state, terms.state));
  return {
    ...chosen,
    ...(type === undefined ? {} : { types: type }),
    ...(code === undefined ? {} : { codes: code }),
    ...(tenant === undefined ? {} : { tenants: tenant }),
    ...(group === undefined ? {} : { groups: group }),
    ...(age?.olderThanMs === undefined ? {} : { seenBefore: now - age.olderThanMs - 1 }),
    ...(age?.youngerThanMs === undefined ? {} : { seenSince: now - age.youngerThanMs + 1 }),
    limit: flags.limit === undefined ? defaultLimit : parseCount(flags.limit, '--limit', { min: 1, max: maxLimit }),
  };
}

type FilterTerms = ReturnType<typeof parseLetterFilter<StateWord>>;

function withFlags(flags: SelectionFlags): FilterTerms {
  const filter = flags.filter === undefined ? {} : parseLetterFilter(flags.filter, '--filter', stateWords);
  const given: FilterTerms = {
    ...(flags.type === undefined ? {} : { type: [flags.type] }),
    ...(flags.tenant === undefined ? {} : { tenant: [flags.tenant] }),
    ...(flags.code === undefined ? {} : parseLetterFilter(`code:${flags.code}`, '--code', stateWords)),
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

/** Undefined: all. */
function readStates(
  flag: string | undefined,
  filtered: readonly StateWord[] | undefined,
): readonly StateWord[] | undefined {
  if (flag === 'all') return undefined;
  if (flag === undefined) return filtered ?? ['parked'];
  return flag.split(',').map((name) => {
    const state = stateWords.find((known) => known === name);
    if (state) return state;
    throw new UsageError(`--state: a dead letter is never "${name}"`, {
      field: '--state',
      next: `choose from ${stateWords.join(', ')}, or all`,
    });
  });
}

/** `state:escalated` is short for `state:parked escalated:yes`. */
function readEscalated(
  words: readonly string[] | undefined,
  states: readonly StateWord[] | undefined,
): Pick<LetterFilter, 'states' | 'escalated'> {
  if (states?.includes(escalated) !== true) {
    const known = states?.flatMap((word) => (word === escalated ? [] : [word]));
    return { ...(known === undefined ? {} : { states: known }), ...toWhom(words) };
  }
  if (states.length === 1) return { states: ['parked'], escalated: true, ...toWhom(words) };
  throw new UsageError(`"${escalated}" stands alone: what is escalated is parked`, {
    field: '--state',
    next: 'drop the other states, or write escalated:yes in the filter',
  });
}

function toWhom(words: readonly string[] | undefined): Pick<LetterFilter, 'escalated'> {
  if (words === undefined) return {};
  const [only] = words;
  if (words.length === 1 && only !== undefined && isAnswer(only)) return { escalated: only === 'yes' };
  if (!words.some(isAnswer)) return { escalated: words };
  throw new UsageError('--filter: escalated: yes and no stand alone', {
    field: '--filter',
    next: 'write escalated:yes, escalated:no, or to whom: escalated:ann,bob',
  });
}

/** What a filter takes for an answer can be nobody's name. */
export function isAnswer(word: string): boolean {
  return word === 'yes' || word === 'no';
}

function saidTwice(flag: string): UsageError {
  return new UsageError(`${flag}: --filter says it already`, { field: flag, next: 'say it once' });
}
