import { statSync } from 'node:fs';
import { completing, parseCount, parseDuration, readInput, sameCommand, UsageError } from '@warren/cli';
import { taskTypes } from '@warren/tasks';
import { Argument, type Command, Option } from 'commander';
import { z } from 'zod';
import { assertKnownType, buildSubmission, nameOf, readId } from './build-submission.js';
import { inputFlags, type PathKind } from './input-flags.js';
import { optionFlags, readOptionFlags } from './submission-flags.js';
import { submitMany } from './submit-many.js';
import { submitOne } from './submit-one.js';
import type { TaskContext } from './task-context.js';

/** Submissions under way at the same time with `--from`, unless said otherwise. */
const defaultConcurrency = 32;

/** Makes `command` a `<type>` with all flags of a submission: `task submit` and `publish` are the same. */
export function configureSubmit(command: Command, context: TaskContext): void {
  const names = taskTypes.map(({ name, summary }) => `${name} (${summary})`).join('; ');
  command.addArgument(
    completing(
      new Argument('<type>', names),
      taskTypes.map(({ name }) => name),
    ),
  );
  for (const [type, flags] of Object.entries(inputFlags)) {
    for (const { flag, value, help, repeatable } of flags) {
      const option = new Option(`${flag} ${value}`, help).helpGroup(`Input of ${type}:`);
      command.addOption(repeatable === true ? option.argParser(collect) : option);
    }
  }
  const group = (heading: string) => (flags: string, help: string) => new Option(flags, help).helpGroup(heading);
  const any = group('Input of any type:');
  const how = group('How it is treated:');
  const many = group('Many at once:');
  const run = group('This command:');
  command
    .addOption(any('--input <json>', 'the input as JSON, @file, or - for stdin; other input flags add to it'))
    .addOption(any('--no-check', 'do not look whether files are there: only the worker sees them'))
    .addOption(
      completing(how('--priority <priority>', 'high, normal, low, or 0-9 (9 is first; default: normal)'), [
        'high',
        'normal',
        'low',
      ]),
    )
    .addOption(how('--delay <duration>', 'do not start before: 10m, 2h'))
    .addOption(how('--expires <duration>', 'park it when it waited this long in its queue'))
    .addOption(how('--deadline <time>', 'do not work it after: 2030-01-31T18:00:00Z, or 2h from now'))
    .addOption(how('--idempotency-key <key>', 'the same key twice gives the same task'))
    .addOption(how('--tenant <name>', 'whose task it is; also the scope of the idempotency key'))
    .addOption(how('--group <name>', 'what it belongs to'))
    .addOption(how('--entity <name>', 'what it is about; may be repeated').argParser(collect))
    .addOption(how('--correlation-id <id>', "the submitter's own reference"))
    .addOption(how('--id <uuid>', 'the id of the task (default: a new one)'))
    .addOption(run('--wait', 'show progress, then the result; exit code 1 when it ends without'))
    .addOption(run('--timeout <duration>', 'how long --wait waits (default: until it is done)'))
    .addOption(run('--dry-run', 'check only: nothing is recorded or published'))
    .addOption(
      many(
        '--from <file>',
        'a JSON submission a line: {"input": {...}, "id"?, "priority"?, ...} or the input alone; - is stdin',
      ),
    )
    .addOption(many('--rps <count>', 'submissions a second, at most'))
    .addOption(many('--concurrency <count>', `submissions under way, at most (default: ${defaultConcurrency})`))
    .action((type: string, flags: unknown) => submit(type, flags, command, context));
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

const submitFlags = optionFlags.extend({
  input: z.string().optional(),
  id: z.string().optional(),
  check: z.boolean().default(true),
  wait: z.boolean().default(false),
  timeout: z.string().optional(),
  dryRun: z.boolean().default(false),
  from: z.string().optional(),
  rps: z.string().optional(),
  concurrency: z.string().optional(),
});

type SubmitFlags = z.infer<typeof submitFlags>;
const allFlags = z.record(z.string(), z.unknown());

async function submit(type: string, given: unknown, command: Command, context: TaskContext): Promise<void> {
  const flags = submitFlags.parse(given);
  assertKnownType(type);
  refuseIdleFlags(flags);
  const { from } = flags;
  if (from !== undefined) return runMany(type, { ...flags, from }, allFlags.parse(given), command, context);

  const { cwd, stdin, now } = context.world;
  const input = flags.input === undefined ? undefined : await readInput(flags.input, { flag: '--input', stdin });
  const words = { type, id: flags.id, input, flags: allFlags.parse(given), options: flags };
  const built = buildSubmission(words, { cwd, look: flags.check ? look : undefined }, now());
  const timeoutMs = flags.timeout === undefined ? undefined : parseDuration(flags.timeout, '--timeout');
  await submitOne(built, { dryRun: flags.dryRun, wait: flags.wait, timeoutMs }, context);
}

async function runMany(
  type: string,
  flags: SubmitFlags & { readonly from: string },
  given: Readonly<Record<string, unknown>>,
  command: Command,
  context: TaskContext,
): Promise<void> {
  refuseFlagsOfOne(given);
  await submitMany(
    { type, options: readOptionFlags(flags, context.world.now()) },
    {
      from: flags.from,
      fromStdin: sameCommand(command, { from: '-' }),
      dryRun: flags.dryRun,
      perSecond: flags.rps === undefined ? undefined : parseCount(flags.rps, '--rps', { min: 1 }),
      concurrency:
        flags.concurrency === undefined
          ? defaultConcurrency
          : parseCount(flags.concurrency, '--concurrency', { min: 1, max: 500 }),
    },
    context,
  );
}

/** A flag that would do nothing is a mistake. */
function refuseIdleFlags(flags: SubmitFlags): void {
  const idle: readonly (readonly [boolean, string, string])[] = [
    [flags.timeout !== undefined && !flags.wait, '--timeout', '--wait'],
    [flags.rps !== undefined && flags.from === undefined, '--rps', '--from'],
    [flags.concurrency !== undefined && flags.from === undefined, '--concurrency', '--from'],
  ];
  const found = idle.find(([isIdle]) => isIdle);
  if (found) throw new UsageError(`${found[1]}: does nothing without ${found[2]}`, { field: found[1] });
  if (flags.wait && flags.dryRun)
    throw new UsageError('--wait: there is nothing to wait for in a dry run', { field: '--wait' });
  if (flags.id !== undefined) readId(flags.id);
}

/** What belongs to one task stands in its line. */
function refuseFlagsOfOne(given: Readonly<Record<string, unknown>>): void {
  const ofOne = [
    ...Object.values(inputFlags)
      .flat()
      .map(({ flag }) => flag),
    '--input',
    '--id',
    '--idempotency-key',
  ];
  const isGiven = (flag: string) => given[nameOf(flag)] !== undefined;
  const found = ofOne.find(isGiven) ?? (given.wait === true ? '--wait' : undefined);
  if (found === undefined) return;
  throw new UsageError(`${found}: is for one task, and --from submits many`, {
    field: found,
    next: found === '--wait' ? '"warren task watch" follows them' : 'write it into the lines of the file',
  });
}

/** What can't be looked at from here (a folder without permission) is not there for us. */
function look(path: string): PathKind {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file';
  } catch {
    return 'nothing';
  }
}
