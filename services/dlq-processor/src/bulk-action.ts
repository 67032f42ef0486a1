import { CommandError, confirm, counted, exitCodes, UsageError } from '@warren/cli';
import type { ActionOutcome, Operations } from '@warren/dead-letters';
import type { Letter, LetterFilter } from '@warren/ledger';
import { z } from 'zod';
import {
  choosesLetters,
  defaultBulkLimit,
  readSelection,
  type SelectionFlags,
  selectionFlags,
} from './letter-selection.js';
import { letterColumns } from './letter-text.js';
import type { LettersContext } from './letters-ground.js';

export const bulkFlags = selectionFlags.extend({
  yes: z.boolean().default(false),
  dryRun: z.boolean().default(false),
});

export type BulkFlags = z.infer<typeof bulkFlags>;

/** Something that is done to one letter after another. */
export interface BulkAction {
  /** As in "replay 12 dead letters?" and "11 replayed". */
  readonly verb: string;
  readonly participle: string;
  readonly act: (id: string, operations: Operations) => Promise<ActionOutcome>;
}

interface Outcome {
  readonly id: string;
  readonly done: boolean;
  /** Why not, or what to know besides. */
  readonly note: string | null;
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

/**
 * Says how many are chosen, asks once where it is more than one, and acts. Throws where not all was done: exit code 3 for
 * a part, 1 for nothing.
 */
export async function actOnLetters(
  choice: Choice,
  flags: Pick<BulkFlags, 'yes' | 'dryRun'>,
  action: BulkAction,
  context: LettersContext,
  operations: Operations,
): Promise<void> {
  const chosen = await find(choice, context, operations);
  if (flags.dryRun) return showChosen(chosen, action, context);
  if (chosen.ids.length === 0) return context.output.note('no dead letter is chosen: nothing to do');
  if (!(await mayGoOn(chosen.ids.length, flags, action, context))) {
    throw new CommandError(`nothing was ${action.participle}: the answer was no`);
  }
  report(await actOnEach(chosen.ids, action, context, operations), action, context);
}

interface Chosen {
  readonly ids: readonly string[];
  /** Without those that the person named and nobody knows: each is told of when it is its turn. */
  readonly letters: readonly Letter[];
}

async function find(choice: Choice, { output }: LettersContext, operations: Operations): Promise<Chosen> {
  switch (choice.by) {
    case 'id': {
      const found = await Promise.all(choice.ids.map((id) => operations.find(id)));
      return { ids: choice.ids, letters: found.flatMap((letter) => (letter ? [letter] : [])) };
    }
    case 'filter': {
      const letters = await operations.list(choice.selection);
      const { limit } = choice.selection;
      if (letters.length === limit) output.note(`only the newest ${limit} are touched: see --limit`);
      return { ids: letters.map(({ id }) => id), letters };
    }
  }
}

function showChosen({ letters }: Chosen, { verb }: BulkAction, { output, world }: LettersContext): void {
  output.note(`would ${verb} ${count(letters.length)}; nothing was changed`);
  output.table(letters, letterColumns(world.now), 'no dead letter is chosen');
}

async function mayGoOn(
  many: number,
  flags: Pick<BulkFlags, 'yes'>,
  { verb }: BulkAction,
  { world }: LettersContext,
): Promise<boolean> {
  if (many === 1) return true;
  const { stderr, stdin } = world;
  return await confirm(`${verb} ${count(many)}?`, { yes: flags.yes, stdin, stderr });
}

/** What breaks (a ledger that goes away) ends it, and what was done until then is still told. */
async function actOnEach(
  ids: readonly string[],
  action: BulkAction,
  { output }: LettersContext,
  operations: Operations,
): Promise<readonly Outcome[]> {
  const progress = output.progress({ label: action.verb, total: ids.length });
  const outcomes: Outcome[] = [];
  for (const id of ids) {
    try {
      const outcome = await action.act(id, operations);
      const done = outcome.kind === 'done';
      outcomes.push({ id, done, note: done ? (outcome.note ?? null) : outcome.why });
    } catch (error) {
      const untried = ids.length - outcomes.length - 1;
      const note = error instanceof Error ? error.message : String(error);
      outcomes.push({
        id,
        done: false,
        note: untried === 0 ? note : `${note}; ${untried} more ${untried === 1 ? 'was' : 'were'} not tried`,
      });
      break;
    }
    progress.advance();
  }
  progress.end();
  return outcomes;
}

function report(outcomes: readonly Outcome[], { participle, verb }: BulkAction, { output }: LettersContext): void {
  output.table(outcomes, [
    { name: 'id', text: ({ id }) => id },
    {
      name: 'outcome',
      text: ({ done }) => (done ? participle : 'refused'),
      tone: ({ done }) => (done ? 'good' : 'bad'),
    },
    { name: 'note', text: ({ note }) => note ?? '', flexible: true },
  ]);
  const refused = outcomes.filter(({ done }) => !done);
  if (refused.length === 0) return;
  const allRefused = refused.length === outcomes.length;
  throw new CommandError(
    outcomes.length === 1
      ? `could not ${verb} ${refused[0]?.id}: ${refused[0]?.note}`
      : `${outcomes.length - refused.length} ${participle}, ${refused.length} refused`,
    { code: 'invalid-state', exitCode: allRefused ? exitCodes.failed : exitCodes.partlyDone },
  );
}

function count(many: number): string {
  return counted(many, 'dead letter');
}
