import { type InputIssue, inputIssues, issueLine, UsageError } from '@warren/cli';
import { checkSubmission, type Submission } from '@warren/intake';
import { type Defect, findTaskType, submissionOptions } from '@warren/tasks';
import type { InputFlag } from './input-flags.js';

/** How whoever typed a submission knows its fields (`payload.length`, `priority`). */
export interface FieldNames {
  /** The flag that gave a field; undefined where none did. */
  readonly flagOf: (field: string) => string | undefined;
  /** The flags that may give these fields; none where flags are not how the input was given. */
  readonly flagsFor: (fields: readonly string[]) => readonly InputFlag[];
}

const noFlags: FieldNames = { flagOf: () => undefined, flagsFor: () => [] };

/** Throws what intake would reject, in words for the person who wrote it. Nothing is recorded or published. */
export function assertSubmittable(submission: Submission, names: FieldNames = noFlags): void {
  const checked = checkSubmission(submission);
  if (checked.kind === 'defect') throw defectError(checked.defect, submission, names);
}

/** The error for a rejected submission. Names the flag where one gave the field, and every issue of the input. */
export function defectError(defect: Defect, submission: Submission, names: FieldNames = noFlags): UsageError {
  const { code, field, message } = defect;
  const issues = code === 'invalid-input' ? issuesOf(submission, field) : [];
  const [first = { field, line: issueLine({ field: names.flagOf(field) ?? field, problem: message }) }, ...others] =
    issues.map((issue) => issueFor(issue, names));
  return new UsageError([first, ...others].map(({ line }) => line).join('\n'), {
    code,
    field: names.flagOf(first.field) ?? first.field,
    ...adviceFor(code),
  });
}

/** Everything that is wrong in the part that the defect is about. */
function issuesOf({ type, input, options = {} }: Submission, field: string): InputIssue[] {
  if (!field.startsWith('payload')) {
    const { error } = submissionOptions.safeParse(options);
    return error === undefined ? [] : inputIssues(error);
  }
  const schema = findTaskType(type)?.input;
  const error = schema?.safeParse(input).error;
  return error === undefined ? [] : inputIssues(error, 'payload', schema);
}

function issueFor({ wants = [], ...issue }: InputIssue, names: FieldNames): { field: string; line: string } {
  const flags = names.flagsFor(wants);
  const [only] = flags;
  if (only === undefined)
    return { field: issue.field, line: issueLine({ ...issue, field: names.flagOf(issue.field) ?? issue.field }) };
  const all = flags.map(({ flag }) => flag).join(', ');
  return { field: only.flag, line: flags.length === 1 ? `${all} is missing: ${only.help}` : `give one of ${all}` };
}

function adviceFor(code: Defect['code']): { next?: string } {
  return code === 'policy-violation'
    ? { next: 'give large input by reference: a file or a URL that the worker reads' }
    : {};
}
