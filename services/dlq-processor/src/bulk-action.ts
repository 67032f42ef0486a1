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
import type { LetterFilter, LetterOutline } from '@warren/ledger';
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
  flags: Pick<BulkFlags, 'yes' | 'dryRun'>,
  action: BulkAction,
  context: LettersContext,
  operations: Operations,
): Promise<void> {
  const chosen = await find(choice, operations);
  tellUnknownTypes(choice, chosen, context);
  if (flags.dryRun) return showChosen(chosen, action, context);
  if (chosen.ids.length === 0) return context.output.note('no dead letter is chosen: nothing to do');
  if (!(await mayGoOn(choice, chosen, flags, action, context))) {
    throw new CommandError(`nothing was ${action.participle}: the answer was no`);
  }
  report(chosen.ids.length, await actOnEach(chosen.ids, action, context, operations), action, context);
  tellWhatFollows(chosen, action, context);
}

interface Chosen {
  readonly ids: readonly string[];
  /** Without those that the person named and nobody knows: each is told of when it is its turn. */
  readonly letters: readonly LetterOutline[];
  /** How many the filter finds; more than are chosen where the limit is lower. */
  readonly found: number;
}

async function find(choice: Choice, operations: Operations): Promise<Chosen> {
  switch (choice.by) {
    case 'id': {
      const found = await Promise.all(choice.ids.map((id) => operations.find(id)));
      return {
        ids: choice.ids,
        letters: found.flatMap((letter) => (letter ? [letter] : [])),
        found: choice.ids.length,
      };
    }
    case 'filter': {
      const letters = await operations.outlines(choice.selection);
      const isPart = letters.length === choice.selection.limit;
      const found = isPart ? await operations.matching(choice.selection) : letters.length;
      return { ids: letters.map(shownId), letters, found: Math.max(found, letters.length) };
    }
  }
}

function tellUnknownTypes(choice: Choice, { letters }: Chosen, { output, world }: LettersContext): void {
  if (choice.by !== 'filter' || output.json) return;
  const known = world.types.map(({ name }) => name);
  const unknown = unknownTypesNote(choice.selection.types ?? [], letters, known);
  if (unknown !== undefined) output.note(unknown);
}

function tellWhatFollows(
  { letters: [letter, ...others] }: Chosen,
  { after }: BulkAction,
  { output }: LettersContext,
): void {
  if (output.json || letter === undefined || others.length > 0) return;
  const command = after?.(letter);
  if (command !== undefined) output.note(`what becomes of it:\n  ${command}`);
}

function showChosen(chosen: Chosen, { verb }: BulkAction, { output, world }: LettersContext): void {
  output.note(`would ${verb} ${howMany(chosen)}; nothing was changed`);
  output.table(chosen.letters, letterColumns(world.now), 'no dead letter is chosen');
}

/** The newest of more than the limit allows, or all of them. */
function howMany({ found, ids }: Chosen): string {
  return found > ids.length
    ? `the newest ${numbers.format(ids.length)} of ${count(found)} (see --limit)`
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

function report(
  chosen: number,
  outcomes: readonly Outcome[],
  { participle, verb }: BulkAction,
  { output }: LettersContext,
): void {
  const refused = outcomes.filter(({ done }) => !done);
  const done = outcomes.length - refused.length;
  const shown = output.json || outcomes.length <= shownOutcomes ? outcomes : refused.slice(0, shownOutcomes);
  if (output.json || shown.length > 0) output.table(shown, outcomeColumns(participle));
  const missed = chosen - outcomes.length;
  if (!output.json && outcomes.length > shownOutcomes) {
    const more = refused.length - shown.length;
    output.note(`${count(done)} ${participle}${more > 0 ? `; ${more} more were refused: --json lists them all` : ''}`);
  }
  if (refused.length === 0 && missed === 0) return;
  throw notAllDone({ done, refused, missed }, { participle, verb });
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

function notAllDone(
  { done, missed, refused }: { readonly done: number; readonly missed: number; readonly refused: readonly Outcome[] },
  { participle, verb }: Pick<BulkAction, 'verb' | 'participle'>,
): CommandError {
  const [first] = refused;
  const exitCode = done === 0 ? exitCodes.failed : exitCodes.partlyDone;
  const next =
    missed > 0
      ? 'run it again for the others: what is done is not done twice'
      : first?.code === 'not-found'
        ? '"warren dead-letters list --state all" shows those there are'
        : `"warren dead-letters show ${first?.id ?? '<id>'}" tells how it stands`;
  const details = { code: first?.code ?? 'invalid-state', next, exitCode };
  if (done + refused.length + missed === 1) {
    return new CommandError(`could not ${verb} ${first?.id}: ${first?.note}`, details);
  }
  const parts = [
    `${numbers.format(done)} ${participle}`,
    ...(refused.length > 0 ? [`${numbers.format(refused.length)} refused`] : []),
    ...(missed > 0 ? [`${numbers.format(missed)} not tried`] : []),
  ];
  return new CommandError(parts.join(', '), details);
}

const numbers = new Intl.NumberFormat('en-US');

function count(many: number): string {
  return counted(many, 'dead letter');
}
