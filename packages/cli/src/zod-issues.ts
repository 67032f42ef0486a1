import { z } from 'zod';
import { plainProblem } from './plain-problem.js';

/** One thing that is wrong with an input: where (empty for the whole), and what. */
export interface InputIssue {
  readonly field: string;
  readonly problem: string;
}

/**
 * Reads a zod error as a list of fields and problems, in the order of the input.
 * @param prefix the path of the value that was parsed: with `payload`, the field `length` is named `payload.length`.
 */
export function inputIssues(error: z.core.$ZodError, prefix = ''): InputIssue[] {
  return error.issues.flatMap((issue) => issuesOf(issue, prefix));
}

/** `payload.length: has to be a number, not text`. */
export function issueLine({ field, problem }: InputIssue): string {
  return field === '' ? problem : `${field}: ${problem}`;
}

export function isZodError(value: unknown): value is z.core.$ZodError {
  return value instanceof z.core.$ZodError;
}

function issuesOf(issue: z.core.$ZodIssue, prefix: string): InputIssue[] {
  const field = fieldName(prefix, issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: fieldName(field, [key]), problem: 'unknown field' }));
  }
  if (issue.code === 'invalid_union') return unionIssues(issue, field);
  return [{ field, problem: plainProblem(issue) }];
}

/**
 * Where one alternative alone got below the union's own value, its issues are the telling ones
 * (`sources.0.path: ...`); otherwise what each alternative expected is named.
 */
function unionIssues(issue: z.core.$ZodIssueInvalidUnion, field: string): InputIssue[] {
  const alternatives = issue.errors.map((issues) => issues.flatMap((inner) => issuesOf(inner, field)));
  const deeper = alternatives.filter((issues) => issues.length > 0 && issues.every((inner) => inner.field !== field));
  const [only] = deeper;
  if (only !== undefined && deeper.length === 1) return only;
  const problems = new Set(alternatives.flat().map((inner) => inner.problem));
  return [{ field, problem: problems.size === 0 ? plainProblem(issue) : [...problems].join(', or ') }];
}

/** `['sources', 0, 'path']` reads `sources.0.path`. */
function fieldName(prefix: string, path: readonly PropertyKey[]): string {
  return [prefix, ...path.map(String)].filter((part) => part !== '').join('.');
}
