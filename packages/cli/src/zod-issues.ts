import { closestMatch } from 'leven';
import { z } from 'zod';
import { alternativeProblems, isMissing, plainProblem } from './plain-problem.js';

/** One thing that is wrong with an input: where (empty for the whole), and what. */
export interface InputIssue {
  readonly field: string;
  readonly problem: string;
  /** Fields of which one, and one alone, has to be there: the one that is missing, or those of which a schema takes one. */
  readonly wants?: readonly string[];
}

/**
 * Reads a zod error as a list of fields and problems, in the order of the input.
 * @param prefix the path of the value that was parsed: with `payload`, the field `length` is named `payload.length`.
 * @param schema of that value: an unknown field is told which one was meant, where its name is nearly one of an object's.
 */
export function inputIssues(error: z.core.$ZodError, prefix = '', schema?: z.ZodType): InputIssue[] {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return error.issues.flatMap((issue) => issuesOf(issue, prefix, known));
}

/** `payload.length: has to be a number, not text`. */
export function issueLine({ field, problem }: InputIssue): string {
  return field === '' ? problem : `${field}: ${problem}`;
}

export function isZodError(value: unknown): value is z.core.$ZodError {
  return value instanceof z.core.$ZodError;
}

/** @param known names at the top of the value. */
function issuesOf(issue: z.core.$ZodIssue, prefix: string, known: readonly string[] = []): InputIssue[] {
  const field = fieldName(prefix, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const near = issue.path.length === 0 ? known : [];
    return issue.keys.map((key) => ({ field: fieldName(field, [key]), problem: unknownField(key, near) }));
  }
  if (issue.code === 'invalid_union') return unionIssues(issue, field);
  const wants = wantedBy(issue, prefix);
  return [{ field, problem: plainProblem(issue), ...(wants === undefined ? {} : { wants }) }];
}

/** A slip of the pen changes a letter or two, and in a short name less. */
const maxSlips = 2;

function unknownField(name: string, known: readonly string[]): string {
  const maxDistance = Math.min(maxSlips, Math.floor(name.length / 2));
  const meant = maxDistance === 0 ? undefined : closestMatch(name, known, { maxDistance });
  return meant === undefined ? 'unknown field' : `unknown field, did you mean "${meant}"?`;
}

/** What a schema's own rule about several fields says of itself. */
const oneOf = z.object({ oneOf: z.array(z.string()) });

function wantedBy(issue: z.core.$ZodIssue, prefix: string): readonly string[] | undefined {
  if (issue.code === 'invalid_type' && isMissing(issue)) return [fieldName(prefix, issue.path)];
  if (issue.code !== 'custom') return undefined;
  const beside = issue.path.slice(0, -1);
  return oneOf.safeParse(issue.params).data?.oneOf.map((name) => fieldName(prefix, [...beside, name]));
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
  return [{ field, problem: problems.size === 0 ? plainProblem(issue) : alternativeProblems([...problems]) }];
}

/** `['sources', 0, 'path']` reads `sources.0.path`. */
function fieldName(prefix: string, path: readonly PropertyKey[]): string {
  return [prefix, ...path.map(String)].filter((part) => part !== '').join('.');
}
