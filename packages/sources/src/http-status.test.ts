import { describe, expect, it } from '@jest/globals';
import { failureOfStatus, maxRetryAfterMs, retryAfterMs } from './http-status.js';

const now = Date.parse('2026-11-20T12:00:00Z');

describe('failureOfStatus', () => {
  it.each([
    [304, 'upstream-error'],
    [400, 'refused'],
    [401, 'refused'],
    [403, 'refused'],
    [404, 'not-found'],
    [408, 'timeout'],
    [410, 'not-found'],
    [429, 'rate-limited'],
    [451, 'refused'],
    [500, 'upstream-error'],
    [503, 'overloaded'],
    [504, 'upstream-error'],
  ])('reads %i as %s', (status, code) => {
    expect(failureOfStatus(new URL('http://a.test/'), status, {}, now)).toMatchObject({
      code,
      retryAfterMs: undefined,
    });
  });

  it('takes any 2xx for an answer', () => {
    expect(failureOfStatus(new URL('http://a.test/'), 203, {}, now)).toBeUndefined();
  });

  it('takes over how long the server asks to wait, where waiting helps', () => {
    const headers = { 'retry-after': '7' };
    expect(failureOfStatus(new URL('http://a.test/'), 429, headers, now)?.retryAfterMs).toBe(7_000);
    expect(failureOfStatus(new URL('http://a.test/'), 404, headers, now)?.retryAfterMs).toBeUndefined();
  });
});

describe('retryAfterMs', () => {
  it.each([
    [undefined, undefined],
    ['0', 0],
    ['120', 120_000],
    ['Fri, 20 Nov 2026 12:00:30 GMT', 30_000],
    ['Fri, 20 Nov 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
    ['99999999999999999999', maxRetryAfterMs],
  ])('reads %p as %p', (header, expected) => expect(retryAfterMs(header, now)).toBe(expected));
});
