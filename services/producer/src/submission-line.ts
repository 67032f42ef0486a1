import { inputIssues, issueLine, UsageError } from '@warren/cli';
import type { Submission } from '@warren/intake';
import { classPriority, priorityClasses, type SubmissionOptions, submissionOptions } from '@warren/tasks';
import { z } from 'zod';

/** What every line takes from the command line unless it says otherwise. */
export interface LineDefaults {
  readonly type: string;
  readonly options: SubmissionOptions;
}

const id = z.guid().transform((text) => text.toLowerCase());
const type = z.string().min(1).max(64);
/** ISO 8601, or epoch milliseconds. */
const deadline = z.union([
  submissionOptions.shape.deadline.unwrap(),
  z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
]);
/** As the flag takes it: a number, or a class by its name. */
const priority = z.union([
  submissionOptions.shape.priority.unwrap(),
  z.enum(priorityClasses).transform((name) => classPriority[name]),
]);
const options = submissionOptions.extend({ deadline: deadline.optional(), priority: priority.optional() }).shape;

const submissionShape = z.strictObject({ input: z.unknown(), type: type.optional(), id: id.optional(), ...options });
const messageShape = z.strictObject({
  payload: z.unknown(),
  task_type: type.optional(),
  task_id: id.optional(),
  ...options,
});

/**
 * Reads one line of a file of submissions. A line is one of
 * - `{"input": …}` and beside it, all optional, `type`, `id` and the options by their names in code (`priority`, a number or
 *   `low`, `normal`, `high`; `delayMs`, …);
 * - `{"payload": …}` and beside it `task_type`, `task_id` and the options: the message of other languages;
 * - any other JSON value: the input itself.
 * Throws a UsageError that names the field.
 */
export function readSubmissionLine(value: unknown, defaults: LineDefaults): Submission {
  if (has(value, 'input')) {
    const { input, type: ownType, id: ownId, ...own } = parse(submissionShape, value);
    return submission(input, ownType, ownId, own, defaults);
  }
  if (has(value, 'payload')) {
    const { payload, task_type: ownType, task_id: ownId, ...own } = parse(messageShape, value);
    return submission(payload, ownType, ownId, own, defaults);
  }
  return { type: defaults.type, input: value, options: defaults.options };
}

function submission(
  input: unknown,
  ownType: string | undefined,
  ownId: string | undefined,
  own: SubmissionOptions,
  defaults: LineDefaults,
): Submission {
  return {
    type: ownType ?? defaults.type,
    input,
    ...(ownId === undefined ? {} : { id: ownId }),
    options: { ...defaults.options, ...own },
  };
}

function has(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

function parse<Output>(shape: z.ZodType<Output>, value: unknown): Output {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = inputIssues(parsed.error, '', shape);
  throw new UsageError(issues.map(issueLine).join('; '), { code: 'invalid-input', field: issues[0]?.field ?? 'line' });
}
