import { defaultNote, parseCount, parseName, parseNote, readInput, sameCommand, UsageError } from '@warren/cli';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import {
  actOnLetters,
  type BulkAction,
  type BulkFlags,
  bulkFlags,
  readActor,
  readChoice,
  type SameAct,
} from './bulk-action.js';
import { addSelectionOptions, defaultBulkLimit, isAnswer } from './letter-selection.js';
import { type LettersContext, withLetters, withLettersAndBroker } from './letters-ground.js';

/** Adds what people do about dead letters: `replay`, `cancel`, `escalate` and `complete`. Each act stands on record. */
export function addActCommands(noun: Command, context: LettersContext): void {
  addReplay(noun, context);
  addCancel(noun, context);
  addEscalate(noun, context);
  addComplete(noun, context);
}

const note = z.string().transform(parseNote);
const maxPerSecond = 10_000;
const replayFlags = bulkFlags.extend({ rps: z.string().optional(), note: note.optional() });
const cancelFlags = bulkFlags.extend({ note: note.default(defaultNote) });
const escalateFlags = bulkFlags.extend({ to: z.string(), note: note.optional() });
const completeFlags = bulkFlags.extend({ note, result: z.string().optional() });

function addReplay(noun: Command, context: LettersContext): void {
  const replay = noun.command('replay').description('send them again: a task gets a new allowance of attempts');
  addBulkOptions(replay)
    .addOption(new Option('--note <text>', 'what stands on record, such as what was mended'))
    .addOption(new Option('--rps <count>', 'replays a second, at most (default: as many as there are)'))
    .action((ids: string[], given: unknown, command: Command) => {
      const flags = replayFlags.parse(given);
      const { rps } = flags;
      const action: BulkAction = {
        verb: 'replay',
        participle: 'replayed',
        perSecond: rps === undefined ? undefined : parseCount(rps, '--rps', { min: 1, max: maxPerSecond }),
        act: (id, operations) => operations.replay(id, flags.note),
        after: ({ taskId }) => (taskId === null ? undefined : `warren task watch ${taskId}`),
        afterSeveral:
          'what fails again comes first in "warren dead-letters list"; "warren task watch" shows the others as they go on',
      };
      return act(ids, { ...flags, command }, action, withLettersAndBroker, context);
    });
}

function addCancel(noun: Command, context: LettersContext): void {
  const cancel = noun.command('cancel').description('close them for good: nothing of them is tried again');
  addBulkOptions(cancel)
    .addOption(new Option('--note <text>', `why, for the record (default: ${defaultNote})`))
    .action((ids: string[], given: unknown, command: Command) => {
      const flags = cancelFlags.parse(given);
      const action: BulkAction = {
        verb: 'cancel',
        participle: 'cancelled',
        act: (id, operations) => operations.cancel(id, flags.note),
      };
      return act(ids, { ...flags, command }, action, withLetters, context);
    });
}

function addEscalate(noun: Command, context: LettersContext): void {
  const escalate = noun
    .command('escalate')
    .description('say who else is to look at them: they stay parked, and "list --state escalated" finds them');
  addBulkOptions(escalate)
    .addOption(new Option('--to <name>', 'a person or a team').makeOptionMandatory())
    .addOption(new Option('--note <text>', 'what they should know'))
    .action((ids: string[], given: unknown, command: Command) => {
      const flags = escalateFlags.parse(given);
      const escalation = { to: readRecipient(flags.to), ...(flags.note === undefined ? {} : { note: flags.note }) };
      const action: BulkAction = {
        verb: 'escalate',
        participle: 'escalated',
        without: 'escalated:no',
        act: (id, operations) => operations.escalate(id, escalation),
      };
      return act(ids, { ...flags, command }, action, withLetters, context);
    });
}

function readRecipient(text: string): string {
  const name = parseName(text, '--to');
  if (!isAnswer(name)) return name;
  throw new UsageError(`--to: a filter reads "escalated:${name}" as an answer, so nobody can be called so`, {
    field: '--to',
    next: 'write the name in another way',
  });
}

function addComplete(noun: Command, context: LettersContext): void {
  const complete = noun
    .command('complete')
    .description('a person did it by hand: the task is completed, with their result or without');
  addBulkOptions(complete)
    .addOption(new Option('--note <text>', 'what was done, for the record').makeOptionMandatory())
    .addOption(new Option('--result <json>', 'of one task: its result as JSON, @file, or - for stdin'))
    .action(async (ids: string[], given: unknown, command: Command) => {
      const flags = completeFlags.parse(given);
      const work = { note: flags.note, ...(await readResult(ids, flags.result, context)) };
      const action: BulkAction = {
        verb: 'complete',
        participle: 'completed',
        act: (id, operations) => operations.complete(id, work),
      };
      await act(ids, { ...flags, command }, action, withLetters, context);
    });
}

async function readResult(
  ids: readonly string[],
  text: string | undefined,
  { world }: LettersContext,
): Promise<{ readonly result?: unknown }> {
  if (text === undefined) return {};
  if (new Set(ids).size === 1) return { result: await readInput(text, { flag: '--result', stdin: world.stdin }) };
  throw new UsageError('--result: a result is of one task', {
    field: '--result',
    next: 'name that task alone, or complete several with a note and no result',
  });
}

/** Judges which ones and who, then acts on the ground that the act needs. */
function act(
  ids: readonly string[],
  { command, ...flags }: BulkFlags & { readonly command: Command },
  action: BulkAction,
  onGround: typeof withLettersAndBroker,
  context: LettersContext,
): Promise<void> {
  const choice = readChoice(ids, flags, context.world.now());
  const by = readActor(flags);
  const again: SameAct = (changed, others) => sameCommand(command, changed, others);
  const manner = { ...flags, again };
  return onGround(context, (operations) => actOnLetters(choice, manner, action, context, operations), by);
}

function addBulkOptions(command: Command): Command {
  return addSelectionOptions(command.argument('[id...]', 'letters or tasks; or choose by filter'), {
    byDefault: defaultBulkLimit,
    first: 'the longest parked',
  })
    .addOption(new Option('-y, --yes', 'do not ask'))
    .addOption(new Option('--dry-run', 'show which ones it would be, and change nothing'))
    .addOption(new Option('--by <name>', 'who does it, for the record (default: who runs this)'));
}
