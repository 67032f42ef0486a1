import {
  type CommandContext,
  CommandError,
  columnsOption,
  sameCommand,
  UsageError,
  unknownTypesNote,
} from '@warren/cli';
import type { Operations } from '@warren/dead-letters';
import type { LetterFilter, LetterPlace } from '@warren/ledger';
import { findLocalStack, localStackSilence } from '@warren/local';
import { taskTypes } from '@warren/tasks';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { addActCommands } from './act-commands.js';
import { addSelectionOptions, defaultListLimit, readSelection, selectionFlags } from './letter-selection.js';
import { detailFields, letterColumns, letterJson } from './letter-text.js';
import { type LettersContext, type LettersWorld, withLetters } from './letters-ground.js';
import { unknownRecipientsNote } from './unknown-recipients.js';

/** Adds `warren dead-letters list | show | replay | cancel | escalate | complete`. */
export function addDeadLetterCommands(
  program: Command,
  context: CommandContext,
  world: Partial<LettersWorld> = {},
): void {
  const letters: LettersContext = { env: context.env, output: context.output, world: { ...processWorld(), ...world } };
  const noun = program.command('dead-letters').description('what failed, why, and what to do about it');
  addList(noun, letters);
  addShow(noun, letters);
  addActCommands(noun, letters);
}

function processWorld(): LettersWorld {
  return {
    stdin: process.stdin,
    stderr: process.stderr,
    now: Date.now,
    findStack: () => findLocalStack(),
    stackSilence: () => localStackSilence(),
    types: taskTypes,
    interruption() {
      const interrupted = new AbortController();
      process.once('SIGINT', () => interrupted.abort());
      return interrupted.signal;
    },
  };
}

const listFlags = selectionFlags.extend({ after: z.string().optional() });

function addList(noun: Command, context: LettersContext): void {
  const list = noun.command('list').description('the dead letters that wait for a person, newest first');
  addSelectionOptions(list, { byDefault: defaultListLimit, first: 'the newest' })
    .addOption(new Option('--after <id>', 'the page behind this letter, or behind that of this task'))
    .addOption(columnsOption(letterColumns(context.world.now)))
    .action((flags: unknown, command: Command) => showList(listFlags.parse(flags), command, context));
}

async function showList(
  { after, ...flags }: z.infer<typeof listFlags>,
  command: Command,
  context: LettersContext,
): Promise<void> {
  const { output, world } = context;
  const selection = readSelection(flags, world.now(), defaultListLimit);
  await withLetters(context, async (operations) => {
    const place = after === undefined ? {} : { after: await readPlace(after, operations) };
    if (output.json) return await printPage({ ...selection, ...place }, command, context, operations);
    await showPage({ ...selection, ...place }, command, context, operations);
  });
}

/** A program that reads the JSON of one page finds out on stderr that there are more. */
async function printPage(
  filter: LetterFilter,
  command: Command,
  { output }: LettersContext,
  operations: Operations,
): Promise<void> {
  const letters = await operations.list(filter);
  output.result(letters.map(letterJson), '');
  const last = letters.at(-1);
  if (last === undefined || letters.length < filter.limit) return;
  const behind = await operations.outlines({ ...filter, after: last, limit: 1 });
  if (behind.length > 0) output.note(nextPage(last, command));
}

function nextPage({ id, lastSeen }: LetterPlace, command: Command): string {
  return `there are more:\n  ${sameCommand(command, { after: `${id}@${lastSeen}` })}`;
}

async function showPage(
  filter: LetterFilter,
  command: Command,
  { output, world }: LettersContext,
  operations: Operations,
): Promise<void> {
  const { limit } = filter;
  // One more than a page holds says whether there is another page.
  const found = await operations.outlines({ ...filter, limit: limit + 1 });
  const letters = found.slice(0, limit);
  const known = world.types.map(({ name }) => name);
  const unknown = unknownTypesNote(filter.types ?? [], letters, known);
  if (unknown !== undefined) output.note(unknown);
  const nobodys = await unknownRecipientsNote(filter, letters, operations);
  if (nobodys !== undefined) output.note(nobodys);
  output.table(
    letters,
    letterColumns(world.now, filter.states),
    filter.after ? 'no more dead letters' : 'no dead letters',
  );
  const last = letters.at(-1);
  if (found.length > limit && last !== undefined) output.note(nextPage(last, command));
}

const placePattern = /^(?<id>.+?)(?:@(?<lastSeen>\d{1,15}))?$/;

/**
 * `<id>`, or as a page names the next one, `<id>@<milliseconds>`: a letter that is met again moves to the front, and what
 * was behind it is behind its old place.
 */
async function readPlace(text: string, operations: Operations): Promise<LetterPlace> {
  const { id = text, lastSeen } = placePattern.exec(text)?.groups ?? {};
  if (lastSeen !== undefined) return { id, lastSeen: Number(lastSeen) };
  const letter = await operations.find(id);
  if (letter) return letter;
  throw new UsageError(`--after: there is no dead letter ${id}`, {
    field: '--after',
    next: 'leave it out to begin with the first page',
  });
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
