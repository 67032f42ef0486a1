import type { z } from 'zod';
import { counted } from './counted.js';

/**
 * What is wrong with a value, in plain words that continue its field's name: `has to be at most 50`. A schema's own
 * message wins over zod's.
 */
export function plainProblem(issue: z.core.$ZodIssue): string {
  if (!isOfZod(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return typeProblem(issue);
    case 'too_big':
      return sizeProblem(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'too_small':
      return sizeProblem(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'invalid_format':
      return `has to be ${formats[issue.format] ?? `in the form "${issue.format}"`}`;
    case 'not_multiple_of':
      return `has to be a multiple of ${issue.divisor}`;
    case 'invalid_value':
      return `has to be ${choice(issue.values.map(String))}`;
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options)
        ? `has to be ${choice(issue.options.map(String))}`
        : 'is none of what is taken here';
    case 'unrecognized_keys':
      return 'unknown field';
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
      return issue.message.replace(/^Invalid input: /, '');
  }
}

/** What is wrong with each alternative, as one problem: `has to be short, medium or long, or a number`. */
export function alternativeProblems(problems: readonly string[]): string {
  const lead = 'has to be ';
  if (!problems.every((problem) => problem.startsWith(lead))) return problems.join(', or ');
  const wanted = problems.map((problem) => problem.slice(lead.length).replace(/, not [a-z ]+$/, ''));
  return `${lead}${wanted.join(', or ')}`;
}

/** Whether a value is not there at all. */
export function isMissing({ message }: z.core.$ZodIssueInvalidType): boolean {
  return receivedIn(message) === 'undefined';
}

/** `short, medium or long`. */
export function choice(values: readonly string[]): string {
  const last = values.at(-1) ?? '';
  return values.length < 2 ? last : `${values.slice(0, -1).join(', ')} or ${last}`;
}

function isOfZod(message: string): boolean {
  return /^(Invalid|Too (big|small)|Unrecognized)\b/.test(message);
}

function typeProblem({ expected, message }: z.core.$ZodIssueInvalidType): string {
  const wanted = types[expected] ?? expected;
  const received = receivedIn(message);
  if (received === 'undefined') return `is missing: it has to be ${wanted}`;
  const given = types[received];
  // A fraction is a number as well: "not a number" would be said of one that is.
  return given === undefined || expected === 'int' ? `has to be ${wanted}` : `has to be ${wanted}, not ${given}`;
}

function receivedIn(message: string): string {
  const [, received = ''] = /received (\w+)$/.exec(message) ?? [];
  return received;
}

function sizeProblem(origin: string, bound: string, limit: number | bigint): string {
  const [unit] = units.filter(([of]) => of === origin);
  if (unit === undefined) return `has to be ${bound} ${numbers.format(limit)}`;
  const [, one, many] = unit;
  if (bound === 'at least' && Number(limit) === 1) return 'must not be empty';
  return `has to have ${bound} ${counted(Number(limit), one, many)}`;
}

const numbers = new Intl.NumberFormat('en-US');

const units = [
  ['string', 'character', 'characters'],
  ['array', 'entry', 'entries'],
  ['set', 'entry', 'entries'],
  ['map', 'entry', 'entries'],
  ['file', 'byte', 'bytes'],
] as const;

const types: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  date: 'a time',
  null: 'null',
};

const formats: Readonly<Record<string, string>> = {
  url: 'a URL of a kind that is taken here, such as https://host/path',
  guid: 'a UUID',
  uuid: 'a UUID',
  datetime: 'a time such as 2030-01-31T18:00:00Z',
  safeint: 'a whole number',
};
