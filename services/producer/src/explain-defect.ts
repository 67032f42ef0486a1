import { inputIssues, issueLine, UsageError } from '@warren/cli';
import { checkSubmission, type Submission } from '@warren/intake';
import { type Defect, findTaskType } from '@warren/tasks';

type FlagOf = (field: string) => string | undefined;

const noFlag: FlagOf = () => undefined;

/** Throws what intake would reject, in words for the person who wrote it. Nothing is recorded or published. */
export function assertSubmittable(submission: Submission, flagOf: FlagOf = noFlag): void {
  const checked = checkSubmission(submission);
  if (checked.kind === 'defect') throw defectError(checked.defect, submission, flagOf);
}

/** The error for a rejected submission. Names the flag where one gave the field, and every issue of the input. */
export function defectError(defect: Defect, submission: Submission, flagOf: FlagOf = noFlag): UsageError {
  const { code, field, message } = defect;
  const issues = code === 'invalid-input' && field.startsWith('payload') ? issuesOf(submission) : [];
  const [first = { field, problem: message }] = issues;
  const lines = issues.length === 0 ? [first] : issues;
  return new UsageError(
    lines.map((issue) => issueLine({ ...issue, field: flagOf(issue.field) ?? issue.field })).join('\n'),
    { code, field: flagOf(first.field) ?? first.field, ...adviceFor(code) },
  );
}

function issuesOf({ type, input }: Submission) {
  const parsed = findTaskType(type)?.input.safeParse(input);
  return parsed?.success === false ? inputIssues(parsed.error, 'payload') : [];
}

function adviceFor(code: Defect['code']): { next?: string } {
  return code === 'policy-violation'
    ? { next: 'give large input by reference: a file or a URL that the worker reads' }
    : {};
}
