import { type ReasonCode, reasonCodes, type TaskState, taskStates } from '@warren/tasks';
import { parseDuration } from './duration.js';
import { UsageError } from './errors.js';

/** Which tasks or letters are meant. Every key that is there must match; of a key's values, any one. No key: every one. */
export interface Filter<State extends string> {
  /** Free words: a dead letter may name a type that nobody knows. */
  readonly type?: readonly string[];
  readonly code?: readonly ReasonCode[];
  readonly state?: readonly State[];
  readonly tenant?: readonly string[];
  readonly group?: readonly string[];
  readonly age?: AgeRange;
}

export type TaskFilter = Filter<TaskState>;

/** Dead letters have states of their own, and may be escalated: `yes`, `no`, or to whom. */
export interface LetterFilterText<State extends string> extends Filter<State> {
  readonly escalated?: readonly string[];
}

/** Exclusive bounds, in milliseconds; at least one is there. */
export interface AgeRange {
  readonly olderThanMs?: number;
  readonly youngerThanMs?: number;
}

const taskKeys = ['type', 'code', 'state', 'tenant', 'group', 'age'] as const;
const letterKeys = [...taskKeys, 'escalated'] as const;

type FilterKey = (typeof letterKeys)[number];
type Terms = ReadonlyMap<FilterKey, readonly string[]>;

const example = 'type:research code:rate-limited,timeout age:>2h tenant:"acme west" state:parked';
export const maxFilterChars = 2_000;

/**
 * Reads `type:research code:rate-limited,timeout age:>2h tenant:"acme west" state:parked`.
 * Values with blanks, commas or quotes stand in double quotes, where `\` takes the next character as it is.
 * @param flag what errors name: `--filter`.
 */
export function parseFilter(text: string, flag: string): TaskFilter {
  return read(readTerms(text, flag, taskKeys), taskStates, flag);
}

/** The same of dead letters: also `escalated:yes`, `escalated:no`, `escalated:ann`. */
export function parseLetterFilter<State extends string>(
  text: string,
  flag: string,
  states: readonly State[],
): LetterFilterText<State> {
  const terms = readTerms(text, flag, letterKeys);
  const escalated = terms.get('escalated');
  return { ...read(terms, states, flag), ...(escalated === undefined ? {} : { escalated }) };
}

/** The words that a shell offers for a filter: what begins a term (`type:`), and terms whose values are known (`code:timeout`). */
export function filterWords({ escalated = false, states, types }: FilterVocabulary): readonly string[] {
  const keys = escalated ? letterKeys : taskKeys;
  const values = { type: types, code: reasonCodes, state: states, ...(escalated ? { escalated: ['yes', 'no'] } : {}) };
  return [
    ...keys.map((key) => `${key}:`),
    ...Object.entries(values).flatMap(([key, words]) => words.map((word) => `${key}:${word}`)),
  ];
}

export interface FilterVocabulary {
  readonly types: readonly string[];
  readonly states: readonly string[];
  /** Of dead letters alone. Default false. */
  readonly escalated?: boolean;
}

function read<State extends string>(terms: Terms, states: readonly State[], flag: string): Filter<State> {
  const [type, tenant, group, age] = [terms.get('type'), terms.get('tenant'), terms.get('group'), terms.get('age')];
  const code = oneOf('code', reasonCodes, terms, flag);
  const state = oneOf('state', states, terms, flag);
  return {
    ...(type === undefined ? {} : { type }),
    ...(code === undefined ? {} : { code }),
    ...(state === undefined ? {} : { state }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(group === undefined ? {} : { group }),
    ...(age === undefined ? {} : { age: ageRange(age, flag) }),
  };
}

const value = String.raw`(?:"(?:[^"\\]|\\.)*"|[^\s",\\]+)`;
const termPattern = new RegExp(String.raw`\s*([^\s:",]+):(${value}(?:,${value})*)(?=\s|$)`, 'suy');
const valuePattern = new RegExp(value, 'gsu');

function readTerms(text: string, flag: string, keys: readonly FilterKey[]): Terms {
  if (text.length > maxFilterChars) throw bad(flag, `is longer than ${maxFilterChars} characters`);
  const terms = new Map<FilterKey, readonly string[]>();
  const source = text.trimEnd();
  for (let at = 0; at < source.length; at = termPattern.lastIndex) {
    termPattern.lastIndex = at;
    const [, name = '', values = ''] = termPattern.exec(source) ?? [];
    if (name === '')
      throw bad(flag, `can't read "${source.slice(at).trim()}"`, `write key:value pairs, such as ${example}`);
    const key = keys.find((known) => known === name);
    if (key === undefined) throw bad(flag, `there is no key "${name}"`, `the keys are ${keys.join(', ')}`);
    if (terms.has(key)) throw bad(flag, `"${key}" is given twice`, `join its values with a comma: ${key}:a,b`);
    terms.set(
      key,
      [...values.matchAll(valuePattern)].map(([raw]) => unquoted(raw)),
    );
  }
  return terms;
}

function oneOf<Value extends string>(
  key: FilterKey,
  known: readonly Value[],
  terms: Terms,
  flag: string,
): readonly Value[] | undefined {
  return terms.get(key)?.map((text) => {
    const match = known.find((candidate) => candidate === text);
    if (match === undefined) throw bad(flag, `there is no ${key} "${text}"`, `choose from ${known.join(', ')}`);
    return match;
  });
}

function ageRange(bounds: readonly string[], flag: string): AgeRange {
  let range: AgeRange = {};
  for (const bound of bounds) {
    const sign = bound[0];
    const ms = sign === '>' || sign === '<' ? parseDuration(bound.slice(1), `${flag}: age`) : undefined;
    const side = sign === '>' ? 'olderThanMs' : 'youngerThanMs';
    if (ms === undefined || range[side] !== undefined) {
      throw bad(flag, `can't read the age "${bounds.join(',')}"`, 'write age:>2h, age:<7d, or age:>2h,<7d');
    }
    range = { ...range, [side]: ms };
  }
  return range;
}

function unquoted(raw: string): string {
  return raw.startsWith('"') ? raw.slice(1, -1).replace(/\\(.)/gsu, '$1') : raw;
}

function bad(flag: string, problem: string, next?: string): UsageError {
  return new UsageError(`${flag}: ${problem}`, { field: flag, ...(next === undefined ? {} : { next }) });
}
