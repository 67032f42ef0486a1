import {
  CommandError,
  confirm,
  counted,
  exitCodes,
  explain,
  forEachPaced,
  inputIssues,
  issueLine,
  operatorName,
  parseName,
  UsageError,
  unknownTypesNote,
} from '@warren/cli';
import type { ActionOutcome, Operations } from '@warren/dead-letters';
import { isOpenLetter, type LetterFilter, type LetterOutline } from '@warren/ledger';
import { isReasonCode, type ReasonCode } from '@warren/tasks';
import { z } from 'zod';
import {
  choosesLetters,
  defaultBulkLimit,
  readSelection,
  type SelectionFlags,
  selectionFlags,
} from './letter-selection.js';
import { letterColumns, shownId } from './letter-text.js';
import type { LettersContext } from './letters-ground.js';
import { unknownRecipientsNote } from './unknown-recipients.js';

/** Letters that are acted on at the same time: the ledger commits them together. */
const concurrency = 16;
/** Outcomes that a person is shown one by one; of more, only what was refused. `--json` has them all. */
const shownOutcomes = 20;

export const bulkFlags = selectionFlags.extend({
  yes: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  by: z.string().optional(),
});

export type BulkFlags = z.infer<typeof bulkFlags>;

/** Something that is done to letters. */
export interface BulkAction {
  /** As in "replay 12 dead letters?" and "11 replayed". */
  readonly verb: string;
  readonly participle: string;
  /** How many are begun a second, at most; undefined: as many as there are. */
  readonly perSecond?: number | undefined;
  readonly act: (id: string, operations: Operations) => Promise<ActionOutcome>;
  /** The command that shows what becomes of a letter that was acted on alone. */
  readonly after?: (letter: LetterOutline) => string | undefined;
  /** What shows what becomes of several. */
  readonly afterSeveral?: string;
  /** Where the letter goes on to be parked: the filter's term without which it would be chosen again. */
  readonly without?: `${string}:${string}`;
}

/** The command that is being run, with some flags or its ids changed. */
export type SameAct = (
  changed: Readonly<Partial<Record<'filter' | 'limit', string>>>,
  ids?: readonly string[],
) => string;

/** How the letters are gone about. */
export interface BulkManner extends Pick<BulkFlags, 'yes' | 'dryRun' | 'filter'> {
  readonly again: SameAct;
}

interface Outcome {
  /** As it was named, or as a list shows it. */
  readonly id: string;
  readonly done: boolean;
  /** Why not, or what to know besides. */
  readonly note: string | null;
  /** Of a refusal: `not-found`, or `invalid-state`. */
  readonly code: ReasonCode | null;
}

/** Which letters are meant: those named, or those that a filter finds. */
export type Choice =
  | { readonly by: 'id'; readonly ids: readonly string[] }
  | { readonly by: 'filter'; readonly selection: LetterFilter };

/** Judges the command line alone, before anything is connected to. Throws a UsageError. */
export function readChoice(ids: readonly string[], flags: SelectionFlags, now: number): Choice {
  const byFilter = choosesLetters(flags);
  if (ids.length > 0 && byFilter) {
    throw new UsageError('ids and a filter are both given', { field: '<id>', next: 'choose by one of the two' });
  }
  if (ids.length > 0) return { by: 'id', ids: [...new Set(ids)] };
  if (byFilter) return { by: 'filter', selection: readSelection(flags, now, defaultBulkLimit) };
  throw new UsageError('no dead letter is chosen', {
    field: '<id>',
    next: 'name letters or tasks by id, or choose with --filter; "--state parked" chooses all that wait',
  });
}

/** Who acts: `--by`, or the account that runs this. */
export function readActor({ by }: Pick<BulkFlags, 'by'>): string {
  return by === undefined ? operatorName() : parseName(by, '--by');
}

/**
 * Says how many are chosen, asks unless one alone is named, and acts. Throws where not all was done: exit code 3 for a
 * part, 1 for nothing.
 */
export async function actOnLetters(
  choice: Choice,
  manner: BulkManner,
  action: BulkAction,
  context: LettersContext,
  operations: Operations,
): Promise<void> {
  const chosen = await find(choice, operations);
  await tellUnknown(choice, chosen, context, operations);
  if (manner.dryRun) return showChosen(chosen, action, context);
  if (chosen.ids.length === 0) return context.output.note('no dead letter is chosen: nothing to do');
  if (!(await mayGoOn(choice, chosen, manner, action, context))) {
    throw new CommandError(`nothing was ${action.participle}: the answer was no`);
  }
  const outcomes = await actOnEach(chosen.ids, action, context, operations);
  report(outcomes, action, context);
  const attempted = { choice, chosen, manner, action };
  tellWhatFollows(attempted, context);
  throwUnlessAllDone(outcomes, attempted);
}

interface Chosen {
  readonly ids: readonly string[];
  /** Without those that the person named and nobody knows: each is told of when it is its turn. */
  readonly letters: readonly LetterOutline[];
  /** How many the filter finds; more than are chosen where the limit is lower. */
  readonly found: number;
  /** Letters by the ids that their messages gave themselves, where one was named by that: it is nobody else's to use. */
  readonly claimed: ReadonlyMap<string, string>;
}

async function find(choice: Choice, operations: Operations): Promise<Chosen> {
  switch (choice.by) {
    case 'id': {
      const found = await Promise.all(choice.ids.map(async (id) => ({ id, letter: await operations.find(id) })));
      const missing = found.filter(({ letter }) => letter === undefined);
      const claims = await Promise.all(missing.map(async ({ id }) => ({ id, details: await operations.show(id) })));
      return {
        ids: choice.ids,
        letters: found.flatMap(({ letter }) => letter ?? []),
        found: choice.ids.length,
        claimed: new Map(claims.flatMap(({ details, id }) => (details ? [[id, details.letter.id]] : []))),
      };
    }
    case 'filter': {
      const { found, letters } = await longestParked(choice.selection, operations);
      return { ids: letters.map(shownId), letters, found, claimed: new Map() };
    }
  }
}

/** Letters read at a time. */
const pageSize = 1_000;

/**
 * Those that were seen last the longest ago, so that one run after another gets on: what is parked anew meanwhile comes last.
 * The ledger lists the newest first; they stand at the end of what it finds.
 */
async function longestParked(
  { limit, ...filter }: LetterFilter,
  { outlines }: Operations,
): Promise<Pick<Chosen, 'letters' | 'found'>> {
  let letters: readonly LetterOutline[] = [];
  let found = 0;
  for (let after: LetterOutline | undefined; ; ) {
    const page = await outlines({ ...filter, ...(after === undefined ? {} : { after }), limit: pageSize });
    found += page.length;
    letters = [...letters, ...page].slice(-limit);
    after = page.at(-1);
    if (page.length < pageSize) return { letters: letters.toReversed(), found };
  }
}

async function tellUnknown(
  choice: Choice,
  { letters }: Chosen,
  { output, world }: LettersContext,
  operations: Operations,
): Promise<void> {
  if (choice.by !== 'filter' || output.json) return;
  const known = world.types.map(({ name }) => name);
  const notes = [
    unknownTypesNote(choice.selection.types ?? [], letters, known),
    await unknownRecipientsNote(choice.selection, letters, operations),
  ];
  for (const note of notes) if (note !== undefined) output.note(note);
}

interface Attempted {
  readonly choice: Choice;
  readonly chosen: Chosen;
  readonly manner: BulkManner;
  readonly action: BulkAction;
}

function tellWhatFollows(attempted: Attempted, { output }: LettersContext): void {
  const { after, afterSeveral } = attempted.action;
  const { found, ids, letters } = attempted.chosen;
  const [letter, ...others] = letters;
  if (output.json || letter === undefined) return;
  const left = found - ids.length;
  if (left > 0 && attempted.choice.by === 'filter') {
    const next = withoutTheDone(attempted.choice.selection, attempted);
    output.note(`${count(left)} beyond the limit${next === undefined ? '' : `; the next ones:\n  ${next}`}`);
  }
  const command = others.length === 0 ? after?.(letter) : undefined;
  if (command !== undefined) output.note(`what becomes of it:\n  ${command}`);
  if (others.length > 0 && afterSeveral !== undefined) output.note(afterSeveral);
}

function showChosen(chosen: Chosen, { verb }: BulkAction, { output, world }: LettersContext): void {
  output.note(`would ${verb} ${howMany(chosen)}; nothing was changed`);
  output.table(chosen.letters, letterColumns(world.now), 'no dead letter is chosen');
}

/** The longest parked of more than the limit allows, or all of them. */
function howMany({ found, ids }: Chosen): string {
  return found > ids.length
    ? `the longest parked ${numbers.format(ids.length)} of ${count(found)} (see --limit)`
    : count(ids.length);
}

async function mayGoOn(
  choice: Choice,
  chosen: Chosen,
  flags: Pick<BulkFlags, 'yes'>,
  { verb }: BulkAction,
  { output, world }: LettersContext,
): Promise<boolean> {
  if (choice.by === 'id' && chosen.ids.length === 1) return true;
  const { stderr, stdin } = world;
  if (!flags.yes && stdin.isTTY === true) for (const line of summary(chosen.letters)) output.note(line);
  return await confirm(`${verb} ${howMany(chosen)}?`, { yes: flags.yes, stdin, stderr });
}

/** Kinds of letters that a question lists. */
const shownKinds = 8;

/** What is about to be touched, by type and code, the most first: a filter finds more than one thinks at times. */
function summary(letters: readonly LetterOutline[]): string[] {
  const kinds = new Map<string, number>();
  for (const { code, type } of letters) {
    const kind = `${type ?? 'no task'}  ${code}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const sorted = [...kinds].sort(([, a], [, b]) => b - a);
  const lines = sorted.slice(0, shownKinds).map(([kind, many]) => `${numbers.format(many).padStart(6)}  ${kind}`);
  const rest = sorted.length - shownKinds;
  return rest > 0 ? [...lines, `        and ${counted(rest, 'other kind')}`] : lines;
}

/** What breaks (a ledger that goes away) ends it, as Ctrl-C does, and what was done until then is still told. */
async function actOnEach(
  ids: readonly string[],
  action: BulkAction,
  { output, world }: LettersContext,
  operations: Operations,
): Promise<readonly Outcome[]> {
  const progress = output.progress({ label: action.verb, total: ids.length });
  const outcomes = new Map<string, Outcome>();
  const broken = new AbortController();
  const signal = AbortSignal.any([world.interruption(), broken.signal]);
  let refused = 0;
  try {
    await forEachPaced(ids, { concurrency, perSecond: action.perSecond, signal }, async (id) => {
      const outcome = await actOn(id, action, operations).catch((error: unknown) => {
        if (error instanceof UsageError) throw error;
        broken.abort();
        return brokenOff(id, error);
      });
      outcomes.set(id, outcome);
      if (!outcome.done) refused += 1;
      progress.advance(1, refused === 0 ? undefined : `${refused} refused`);
    });
  } finally {
    progress.end();
  }
  return ids.flatMap((id) => outcomes.get(id) ?? []);
}

function brokenOff(id: string, error: unknown): Outcome {
  const { code, message } = explain(error);
  return { id, done: false, note: message, code: isReasonCode(code) ? code : 'unknown' };
}

async function actOn(id: string, { act }: BulkAction, operations: Operations): Promise<Outcome> {
  const outcome = await act(id, operations);
  if (outcome.kind === 'done') return { id, done: true, note: outcome.note ?? null, code: null };
  if (outcome.input === undefined) return { id, done: false, note: outcome.why, code: outcome.code ?? 'invalid-state' };
  // One letter alone has a result, so this is about what was typed.
  const issues = inputIssues(outcome.input, 'result');
  throw new UsageError([`--result: ${outcome.why}`, ...issues.map(issueLine)].join('\n'), {
    code: 'invalid-input',
    field: issues[0]?.field ?? '--result',
    next: 'correct the result, or complete it with a note alone',
  });
}

function report(outcomes: readonly Outcome[], { participle }: BulkAction, { output }: LettersContext): void {
  const refused = outcomes.filter(({ done }) => !done);
  const done = outcomes.length - refused.length;
  const shown = output.json || outcomes.length <= shownOutcomes ? outcomes : refused.slice(0, shownOutcomes);
  if (output.json || shown.length > 0) output.table(shown, outcomeColumns(participle));
  if (output.json || outcomes.length <= shownOutcomes) return;
  const more = refused.length - shown.length;
  output.note(`${count(done)} ${participle}${more > 0 ? `; ${more} more were refused: --json lists them all` : ''}`);
}

function outcomeColumns(participle: string) {
  return [
    { name: 'id', text: ({ id }: Outcome) => id },
    {
      name: 'outcome',
      text: ({ done }: Outcome) => (done ? participle : 'refused'),
      tone: ({ done }: Outcome) => (done ? ('good' as const) : ('bad' as const)),
    },
    { name: 'note', text: ({ note }: Outcome) => note ?? '', flexible: true },
  ];
}

function throwUnlessAllDone(outcomes: readonly Outcome[], attempted: Attempted): void {
  const { action, chosen } = attempted;
  const refused = outcomes.filter(({ done }) => !done);
  const done = outcomes.length - refused.length;
  const missed = chosen.ids.length - outcomes.length;
  const [first] = refused;
  if (first === undefined && missed === 0) return;
  const details = {
    code: first?.code ?? 'invalid-state',
    next: missed > 0 ? howToGoOn(outcomes, attempted) : afterRefusals(refused, attempted),
    exitCode: done === 0 ? exitCodes.failed : exitCodes.partlyDone,
  };
  if (chosen.ids.length === 1 && first !== undefined) {
    throw new CommandError(`could not ${action.verb} ${first.id}: ${first.note}`, details);
  }
  const parts = [
    `${numbers.format(done)} ${action.participle}`,
    ...(refused.length > 0 ? [`${numbers.format(refused.length)} refused`] : []),
    ...(missed > 0 ? [`${numbers.format(missed)} not tried`] : []),
  ];
  throw new CommandError(parts.join(', '), details);
}

function afterRefusals(refused: readonly Outcome[], { chosen, manner }: Attempted): string {
  if (refused.some(({ id }) => chosen.claimed.has(id))) {
    const ids = refused.map(({ id }) => chosen.claimed.get(id) ?? id);
    return `name ${ids.length === 1 ? 'the letter' : 'the letters'}:\n${manner.again({}, ids)}`;
  }
  const [first] = refused;
  return first?.code === 'not-found'
    ? '"warren dead-letters list --state all" shows those there are'
    : `"warren dead-letters show ${first?.id ?? '<id>'}" tells how it stands`;
}

/**
 * The command for what was not tried, and for nothing that came after: what is done drops out of the choice, and what
 * failed again since is behind the rest.
 */
function howToGoOn(outcomes: readonly Outcome[], attempted: Attempted): string {
  const { action, choice, chosen, manner } = attempted;
  const done = new Set(outcomes.flatMap(({ id, done }) => (done ? [id] : [])));
  const others = chosen.ids.filter((id) => !done.has(id));
  const goOn = (command: string) => `go on with the others alone:\n${command}`;
  if (choice.by === 'id') return goOn(manner.again({}, others));
  const next = withoutTheDone(choice.selection, attempted, { limit: String(others.length) });
  return next === undefined
    ? `what is ${action.participle} by now may be chosen again: narrow the choice to what is left, and run it again`
    : goOn(next);
}

/** The same command where it chooses nothing again that is done; undefined where it would. */
function withoutTheDone(
  { escalated, states }: LetterFilter,
  { action: { without }, manner }: Attempted,
  changed: { readonly limit?: string } = {},
): string | undefined {
  if (states?.every((state) => isOpenLetter[state]) !== true) return undefined;
  if (without === undefined || escalated === false) return manner.again(changed);
  if (escalated !== undefined) return undefined;
  return manner.again({ ...changed, filter: [manner.filter ?? '', without].join(' ').trim() });
}

const numbers = new Intl.NumberFormat('en-US');

function count(many: number): string {
  return counted(many, 'dead letter');
}
