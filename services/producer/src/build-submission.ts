import { UsageError } from '@warren/cli';
import type { Submission } from '@warren/intake';
import { findTaskType, taskTypes } from '@warren/tasks';
import { Option } from 'commander';
import { z } from 'zod';
import { type FieldNames, wholeInput } from './explain-defect.js';
import { type FlagWorld, type InputFlag, inputFlags } from './input-flags.js';
import { flagOfField, type OptionFlags, readOptionFlags } from './submission-flags.js';

/** One task as the command line describes it. */
export interface SubmissionWords {
  readonly type: string;
  readonly id: string | undefined;
  /** What `--input` holds; undefined without it. */
  readonly input: unknown;
  /** The values of all flags, by their names without dashes. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly options: OptionFlags;
}

export interface BuiltSubmission extends FieldNames {
  readonly submission: Submission;
}

/** Puts a submission together. Throws a UsageError that names the flag; the type's schema is not asked yet. */
export function buildSubmission(words: SubmissionWords, world: FlagWorld, now: number): BuiltSubmission {
  assertKnownType(words.type);
  const own = inputFlags[words.type] ?? [];
  refuseForeignFlags(words, own);
  const given = own.filter(({ flag }) => words.flags[nameOf(flag)] !== undefined);
  if (words.input === undefined && given.length === 0) throw noInput(words.type, own);
  const input = given.length === 0 ? words.input : { ...asRecord(words.input), ...fields(words, given, world) };
  const id = words.id === undefined ? {} : { id: readId(words.id) };
  const filledBy = new Map(given.map(({ field, flag }) => [field, flag]));
  return {
    submission: { type: words.type, input, ...id, options: readOptionFlags(words.options, now) },
    flagOf(field) {
      const [first = '', second = ''] = field.split('.');
      if (first !== 'payload') return flagOfField[first];
      return filledBy.get(second) ?? (words.input === undefined ? undefined : wholeInput);
    },
    // Who writes JSON knows the fields by their names there.
    flagsFor: (wanted) =>
      words.input === undefined ? own.filter(({ field }) => wanted.includes(`payload.${field}`)) : [],
  };
}

export function assertKnownType(type: string): void {
  if (findTaskType(type) !== undefined) return;
  throw new UsageError(`there is no task type "${type}"`, {
    field: '<type>',
    next: `choose from ${taskTypes.map(({ name }) => name).join(', ')}`,
  });
}

const guid = z.guid();

export function readId(text: string, field = '--id'): string {
  if (guid.safeParse(text).success) return text.toLowerCase();
  throw new UsageError(`${field}: "${text}" is not a UUID`, {
    field,
    next: 'ids look like 0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1b',
  });
}

/** The name under which a parsed command line holds a flag. */
export function nameOf(flag: string): string {
  return new Option(flag).attributeName();
}

/** Every flag of one type fills no field of another: better told than ignored. */
function refuseForeignFlags({ type, flags }: SubmissionWords, own: readonly InputFlag[]): void {
  const foreign = Object.values(inputFlags)
    .flat()
    .find(({ flag }) => flags[nameOf(flag)] !== undefined && !own.some((mine) => mine.flag === flag));
  if (foreign === undefined) return;
  throw new UsageError(`${foreign.flag}: ${type} does not take it`, { field: foreign.flag, next: takes(type, own) });
}

function fields(words: SubmissionWords, given: readonly InputFlag[], world: FlagWorld): Record<string, unknown> {
  const filled: Record<string, unknown> = {};
  for (const { flag, field, repeatable, read } of given) {
    const other = given.find((one) => one.field === field && one.flag !== flag)?.flag;
    if (other !== undefined || field in asRecord(words.input)) {
      throw new UsageError(`${flag}: ${other ?? `the input's "${field}"`} is given already`, {
        field: flag,
        next: 'drop one of the two',
      });
    }
    const texts = z
      .union([z.string().transform((text) => [text]), z.array(z.string())])
      .parse(words.flags[nameOf(flag)]);
    const values = texts.map((text) => read(text, flag, world));
    filled[field] = repeatable === true ? values : values[0];
  }
  return filled;
}

const record = z.record(z.string(), z.unknown());

function asRecord(input: unknown): Record<string, unknown> {
  if (input === undefined) return {};
  const parsed = record.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new UsageError('--input: is not a JSON object, so other flags can add nothing to it', {
    field: '--input',
    next: 'give an object such as {"text": "…"}, or drop the other flags',
  });
}

function noInput(type: string, own: readonly InputFlag[]): UsageError {
  return new UsageError(`${type}: there is no input`, { field: '--input', next: takes(type, own) });
}

function takes(type: string, own: readonly InputFlag[]): string {
  return `${type} takes ${[...own.map(({ flag }) => flag), '--input'].join(', ')}`;
}
