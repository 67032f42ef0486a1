import { describe, expect, it } from '@jest/globals';
import { researchInput, TaskFailure } from '@warren/tasks';
import { CommandError, UsageError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { explain } from './explain.js';

describe('explain', () => {
  it('repeats what a CommandError says', () => {
    const error = new CommandError('12 of 20 replayed', {
      code: 'timeout',
      exitCode: exitCodes.partlyDone,
      next: 'look',
    });
    expect(explain(error)).toEqual({ code: 'timeout', message: '12 of 20 replayed', next: 'look', exitCode: 3 });
    expect(explain(new UsageError('--x: no', { field: '--x' }))).toEqual({
      code: 'usage',
      message: '--x: no',
      field: '--x',
      exitCode: 2,
    });
  });

  it('understands an error of a lower room by its shape', () => {
    const error = Object.assign(new Error('no broker at amqp://u:pw@h:1'), { next: 'start it', code: 'network' });
    expect(explain(error)).toEqual({
      code: 'network',
      message: 'no broker at amqp://u:***@h:1',
      next: 'start it',
      exitCode: 1,
    });
  });

  it('a zod error is bad input and names its field', () => {
    const { error } = researchInput.safeParse({ question: 'why?', sources: 7 });
    expect(explain(error)).toEqual({
      code: 'invalid-input',
      message: 'sources: has to be a list, not a number',
      field: 'sources',
      exitCode: 2,
    });
  });

  it.each([
    ['invalid-input', 2],
    ['conflict', 2],
    ['malformed', 2],
    ['not-found', 1],
    ['overloaded', 1],
  ] as const)('reason code %s exits %d', (code, exitCode) => {
    expect(explain(new TaskFailure(code, 'said'))).toEqual({ code, message: 'said', exitCode });
  });

  it('a refused connection is named by its address, also where Node tried two', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5672'), { code: 'ECONNREFUSED' });
    const both = Object.assign(new AggregateError([refused, refused], ''), { code: 'ECONNREFUSED' });
    for (const error of [refused, both]) {
      expect(explain(error)).toMatchObject({ code: 'network', message: refused.message, exitCode: 1 });
    }
  });

  it('an error without more than its message fails with that message', () => {
    expect(explain(new Error('no stack runs here: start one with `warren up`'))).toEqual({
      code: 'failed',
      message: 'no stack runs here: start one with `warren up`',
      exitCode: 1,
    });
  });

  it('an error never exits 0', () => {
    expect(explain(Object.assign(new Error('x'), { exitCode: 0 })).exitCode).toBe(1);
  });

  it.each([
    [new TypeError('x is not a function\n    at y'), 'unexpected: x is not a function'],
    [Object.assign(new Error('bad'), { code: 'ERR_INVALID_ARG_TYPE' }), 'unexpected: bad'],
    ['a string', 'unexpected: a string'],
    [undefined, 'unexpected: undefined'],
  ])('anything else is unexpected, in one line', (thrown, message) => {
    expect(explain(thrown)).toMatchObject({ code: 'unexpected', message, exitCode: 1 });
  });
});
