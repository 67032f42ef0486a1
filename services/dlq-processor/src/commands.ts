import { type CommandContext, CommandError, columnsOption } from '@warren/cli';
import { findLocalStack } from '@warren/local';
import type { Command } from 'commander';
import { z } from 'zod';
import { actOnLetters, type BulkAction, bulkFlags, readChoice } from './bulk-action.js';
import {
  addSelectionOptions,
  defaultBulkLimit,
  defaultListLimit,
  readSelection,
  type SelectionFlags,
  selectionFlags,
} from './letter-selection.js';
import { detailFields, letterColumns, letterJson } from './letter-text.js';
import { type LettersContext, type LettersWorld, withLetters, withLettersAndBroker } from './letters-ground.js';

/** Adds `warren dead-letters list | show | replay | cancel`. */
export function addDeadLetterCommands(
  program: Command,
  context: CommandContext,
  world: Partial<LettersWorld> = {},
): void {
  const letters: LettersContext = { env: context.env, output: context.output, world: { ...processWorld(), ...world } };
  const noun = program.command('dead-letters').description('what failed, why, and what to do about it');
  addList(noun, letters);
  addShow(noun, letters);
  addReplay(noun, letters);
  addCancel(noun, letters);
}

function processWorld(): LettersWorld {
  return { stdin: process.stdin, stderr: process.stderr, now: Date.now, findStack: () => findLocalStack() };
}

function addList(noun: Command, context: LettersContext): void {
  const list = noun.command('list').description('the dead letters that wait for a person, newest first');
  addSelectionOptions(list, defaultListLimit)
    .addOption(columnsOption(letterColumns(context.world.now)))
    .action((flags: unknown) => showList(selectionFlags.parse(flags), context));
}

async function showList(flags: SelectionFlags, context: LettersContext): Promise<void> {
  const { output, world } = context;
  const selection = readSelection(flags, world.now(), defaultListLimit);
  const letters = await withLetters(context, (operations) => operations.list(selection));
  if (output.json) return output.result(letters.map(letterJson), '');
  output.table(letters, letterColumns(world.now), 'no dead letters');
  if (letters.length === selection.limit) output.note(`the newest ${selection.limit} are shown: see --limit`);
}

function addShow(noun: Command, context: LettersContext): void {
  noun
    .command('show')
    .description('everything about one dead letter: why, every run, the message itself, what to do next')
    .argument('<id>', 'the letter, or its task')
    .action((id: string) => showOne(id, context));
}

async function showOne(id: string, context: LettersContext): Promise<void> {
  const { output, world } = context;
  const details = await withLetters(context, (operations) => operations.show(id));
  if (!details) {
    throw new CommandError(`there is no dead letter ${id}, and no task with one has this id`, {
      code: 'not-found',
      next: '"warren dead-letters list --state all" shows those there are',
    });
  }
  output.fields({ ...details, letter: letterJson(details.letter) }, detailFields(details, world.now(), output.hint));
}

function addReplay(noun: Command, context: LettersContext): void {
  const replay = noun.command('replay').description('send them again: a task gets a new allowance of attempts');
  const action: BulkAction = { verb: 'replay', participle: 'replayed', act: (id, operations) => operations.replay(id) };
  addBulkOptions(replay).action((ids: string[], given: unknown) => {
    const flags = bulkFlags.parse(given);
    const choice = readChoice(ids, flags, context.world.now());
    return withLettersAndBroker(context, (operations) => actOnLetters(choice, flags, action, context, operations));
  });
}

function addCancel(noun: Command, context: LettersContext): void {
  const cancel = noun.command('cancel').description('close them for good: nothing of them is tried again');
  addBulkOptions(cancel)
    .option('--reason <text>', 'what stands on record (default: cancelled by hand)')
    .action((ids: string[], given: unknown) => {
      const flags = cancelFlags.parse(given);
      const choice = readChoice(ids, flags, context.world.now());
      const act: BulkAction['act'] = (id, operations) => operations.cancel(id, flags.reason);
      const action = { verb: 'cancel', participle: 'cancelled', act };
      return withLetters(context, (operations) => actOnLetters(choice, flags, action, context, operations));
    });
}

const cancelFlags = bulkFlags.extend({ reason: z.string().min(1).max(500).default('cancelled by hand') });

function addBulkOptions(command: Command): Command {
  return addSelectionOptions(command.argument('[id...]', 'letters or tasks; or choose by filter'), defaultBulkLimit)
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'show which ones it would be, and change nothing');
}
