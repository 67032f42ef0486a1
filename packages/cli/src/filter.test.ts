import { describe, expect, it } from '@jest/globals';
import { reasonCodes, taskStates } from '@warren/tasks';
import fc from 'fast-check';
import { formatDuration } from './duration.js';
import { CommandError, UsageError } from './errors.js';
import { type AgeRange, maxFilterChars, parseFilter, parseLetterFilter, type TaskFilter } from './filter.js';

describe('parseLetterFilter', () => {
  const states = ['parked', 'replayed'] as const;

  it('knows the states it is given, and whom a letter is escalated to', () => {
    expect(parseLetterFilter('state:replayed escalated:ann,"the night shift"', '--filter', states)).toEqual({
      state: ['replayed'],
      escalated: ['ann', 'the night shift'],
    });
    expect(() => parseLetterFilter('state:queued', '--filter', states)).toThrow('there is no state "queued"');
    expect(() => parseFilter('escalated:ann', '--filter')).toThrow('there is no key "escalated"');
  });
});

describe('parseFilter', () => {
  it('reads every key', () => {
    expect(
      parseFilter(
        'type:research code:rate-limited,timeout age:>2h tenant:"acme west" group:g1 state:parked',
        '--filter',
      ),
    ).toEqual({
      type: ['research'],
      code: ['rate-limited', 'timeout'],
      age: { olderThanMs: 7_200_000 },
      tenant: ['acme west'],
      group: ['g1'],
      state: ['parked'],
    });
  });

  it('reads both bounds of an age', () => {
    expect(parseFilter('age:>2h,<1d', '--filter')).toEqual({
      age: { olderThanMs: 7_200_000, youngerThanMs: 86_400_000 },
    });
  });

  it.each(['', '   '])('an empty filter ("%s") has no key', (text) => {
    expect(parseFilter(text, '--filter')).toEqual({});
  });

  it.each([
    ['tennant:acme', '--filter: there is no key "tennant"', 'the keys are type, code, state, tenant, group, age'],
    ['code:rate_limited', '--filter: there is no code "rate_limited"', 'choose from timeout, rate-limited'],
    ['state:dead', '--filter: there is no state "dead"', 'choose from accepted'],
    ['state:parked state:queued', '--filter: "state" is given twice', 'state:a,b'],
    ['age:2h', '--filter: can\'t read the age "2h"', 'age:>2h'],
    ['age:>2h,>3h', '--filter: can\'t read the age ">2h,>3h"', 'age:>2h'],
    ['age:>2', '--filter: age: "2" is not a duration', '90s'],
    ['type:a research', '--filter: can\'t read "research"', 'key:value'],
    ['type:', '--filter: can\'t read "type:"', 'key:value'],
    ['type:a,', '--filter: can\'t read "type:a,"', 'key:value'],
    ['tenant:"acme', '--filter: can\'t read "tenant:"acme"', 'key:value'],
    ['tenant:"a"b', '--filter: can\'t read "tenant:"a"b"', 'key:value'],
    ['x'.repeat(maxFilterChars + 1), '--filter: is longer than 2000 characters', undefined],
  ])('refuses %.40s', (text, message, next) => {
    const error = errorOf(() => parseFilter(text, '--filter'));
    expect(error.message).toBe(message);
    if (next !== undefined) expect(error.next).toContain(next);
  });

  it('an own property of every object is no key', () => {
    expect(errorOf(() => parseFilter('constructor:a __proto__:b', '--filter')).message).toContain('constructor');
  });

  it('reads back every filter that can be written', () => {
    fc.assert(
      fc.property(filters, (filter) => {
        expect(parseFilter(writeFilter(filter), '--filter')).toEqual(filter);
      }),
    );
  });

  it('whatever is typed is a filter or a UsageError, and a filter that was read is written and read the same', () => {
    const typed = fc.array(
      fc.constantFrom('type', 'age', 'code', ':', ',', '"', '\\', '>', '<', ' ', '2h', 'a', 'timeout'),
    );
    fc.assert(
      fc.property(typed, (pieces) => {
        let filter: TaskFilter | undefined;
        try {
          filter = parseFilter(pieces.join(''), '--filter');
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
        if (filter !== undefined) expect(parseFilter(writeFilter(filter), '--filter')).toEqual(filter);
      }),
      { numRuns: 2_000 },
    );
  });
});

const names = fc.array(fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }), { minLength: 1, maxLength: 3 });
const durations = fc.nat({ max: 10 ** 12 });
const filters: fc.Arbitrary<TaskFilter> = fc.record(
  {
    type: names,
    tenant: names,
    group: names,
    code: fc.subarray([...reasonCodes], { minLength: 1, maxLength: 4 }),
    state: fc.subarray([...taskStates], { minLength: 1, maxLength: 4 }),
    age: fc.oneof(
      fc.record({ olderThanMs: durations, youngerThanMs: durations }),
      fc.record({ olderThanMs: durations }),
      fc.record({ youngerThanMs: durations }),
    ),
  },
  { requiredKeys: [] },
);

function errorOf(action: () => unknown): CommandError {
  try {
    action();
  } catch (error) {
    if (error instanceof CommandError) return error;
  }
  throw new Error('a CommandError was expected');
}

/** The filter's text, as `parseFilter` reads it; empty for the filter that every task matches. */
function writeFilter(filter: TaskFilter): string {
  const keys = ['type', 'code', 'state', 'tenant', 'group', 'age'] as const;
  return keys
    .flatMap((key) => {
      if (key === 'age') return filter.age === undefined ? [] : [`age:${formatAgeRange(filter.age)}`];
      const values = filter[key];
      return values === undefined ? [] : [`${key}:${values.map(quoted).join(',')}`];
    })
    .join(' ');
}

function formatAgeRange({ olderThanMs, youngerThanMs }: AgeRange): string {
  const bounds = [
    ...(olderThanMs === undefined ? [] : [`>${formatDuration(olderThanMs)}`]),
    ...(youngerThanMs === undefined ? [] : [`<${formatDuration(youngerThanMs)}`]),
  ];
  return bounds.join(',');
}

function quoted(text: string): string {
  return /^[^\s",\\]+$/u.test(text) ? text : `"${text.replace(/["\\]/g, String.raw`\$&`)}"`;
}
