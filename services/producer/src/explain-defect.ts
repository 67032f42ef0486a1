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
  const [first = { field, line: lineOf({ field, problem: message }, names) }, ...others] = issues.map((issue) =>
    issueFor(issue, names),
  );
  return new UsageError([first, ...others].map(({ line }) => line).join('\n'), {
    code,
    field: fieldName(first.field, names),
    ...adviceFor(defect, submission.type, names),
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
  if (only === undefined) return { field: issue.field, line: lineOf(issue, names) };
  const all = flags.map(({ flag }) => flag).join(', ');
  return { field: only.flag, line: flags.length === 1 ? `${all} is missing: ${only.help}` : `give one of ${all}` };
}

/** `--keywords: has to be at most 50`; what stands in the JSON of `--input` keeps its name there: `--input: keywords: …`. */
function lineOf({ field, problem }: InputIssue, names: FieldNames): string {
  const flag = names.flagOf(field);
  if (flag === undefined) return issueLine({ field, problem });
  const path = flag === wholeInput ? field.split('.').slice(1).join('.') : '';
  return issueLine({ field: path === '' ? flag : `${flag}: ${path}`, problem });
}

/** A program is told which field of the JSON. */
function fieldName(field: string, names: FieldNames): string {
  const flag = names.flagOf(field);
  return flag === undefined || flag === wholeInput ? field : flag;
}

/** The flag that gives every field which no other one gave. */
export const wholeInput = '--input';

function adviceFor({ code, field }: Defect, type: string, names: FieldNames): { next?: string } {
  if (code === 'policy-violation')
    return { next: 'give large input by reference: a file or a URL that the worker reads' };
  const isTyped = names !== noFlags && code === 'invalid-input' && field.startsWith('payload');
  return isTyped ? { next: `"warren task submit --help" shows the input of ${type}` } : {};
}
