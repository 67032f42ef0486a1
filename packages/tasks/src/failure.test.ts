import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { boundedFailure, failureOf, maxErrorMessageChars, maxErrorStackChars, TaskFailure } from './failure.js';
import { isReasonCode } from './reason-codes.js';
import { maxScheduleMs } from './submission.js';

const errno = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

describe('a failure', () => {
  it('has the code of whoever knew why', () => {
    expect(failureOf(new TaskFailure('rate-limited', 'slow down', { retryAfterMs: 1_500 }))).toMatchObject({
      code: 'rate-limited',
      message: 'slow down',
      retryAfterMs: 1_500,
      stack: expect.stringContaining('slow down'),
    });
  });

  it.each<[string, unknown, string]>([
    ['an error of the network', errno('ECONNREFUSED'), 'network'],
    ['a failed fetch', new TypeError('fetch failed', { cause: errno('ENOTFOUND') }), 'network'],
    ['an error without a code', new Error('x'), 'unknown'],
    ['an error with a code that is no reason', errno('ENOENT'), 'unknown'],
    ['an error with a number for a code', Object.assign(new Error('x'), { code: 7 }), 'unknown'],
    ['an error of another realm', runInNewContext("Object.assign(new Error('x'), { code: 'timeout' })"), 'timeout'],
    ['a text', 'went wrong', 'unknown'],
    ['nothing', undefined, 'unknown'],
    ['a symbol', Symbol('x'), 'unknown'],
    ['a thing without a text', Object.create(null), 'unknown'],
  ])('is read from %s', (_, thrown, code) => {
    const failure = failureOf(thrown);
    expect(failure.code).toBe(code);
    expect(failure.message).not.toBe('');
  });

  it('ends with a chain of causes that bites its own tail', () => {
    const error = new Error('x');
    error.cause = error;
    expect(failureOf(error).code).toBe('unknown');
  });

  it.each([
    [0, 0],
    [1.2, 2],
    [Number.MAX_VALUE, maxScheduleMs],
    [-1, undefined],
    [Number.NaN, undefined],
    ['5', undefined],
  ])('asks for a wait of %p as %p', (retryAfterMs, expected) => {
    expect(failureOf(Object.assign(new Error('x'), { retryAfterMs })).retryAfterMs).toBe(expected);
  });

  it('is bounded', () => {
    const long = 'x'.repeat(100_000);
    const failure = boundedFailure({ code: 'unknown', message: long, stack: long });
    expect([failure.message.length, failure.stack?.length]).toEqual([maxErrorMessageChars, maxErrorStackChars]);
  });

  it('comes of whatever is thrown', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
        const failure = failureOf(thrown);
        expect(isReasonCode(failure.code) && failure.message.length <= maxErrorMessageChars).toBe(true);
      }),
    );
  });
});
