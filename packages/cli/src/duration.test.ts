import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatDuration, formatRoughly, parseDuration, readMoment } from './duration.js';
import { UsageError } from './errors.js';

it.each([
  ['2h', 1_000_000 - 7_200_000],
  ['1970-01-01T00:00:05Z', 5_000],
  ['12', undefined],
  ['2030-99-01', undefined],
  ['soon', undefined],
])('readMoment reads a duration and an instant: %s', (text, at) => {
  expect(readMoment(text, (ms) => 1_000_000 - ms)).toBe(at);
});

describe('parseDuration', () => {
  it.each([
    ['90s', 90_000],
    ['2h', 7_200_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['2d', 172_800_000],
    ['1.5h', 5_400_000],
    ['1.1s', 1_100],
    ['1s250ms', 1_250],
    ['0', 0],
    ['0s', 0],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text, '--delay')).toBe(ms);
  });

  it.each(['', '5', '-1s', '1x', 's', '30m1h', '1h1h', '1 h', '0.5ms', '1e3s', '٣s', '99999999999999999d'])(
    'refuses "%s" and names the flag',
    (text) => {
      expect(() => parseDuration(text, '--delay')).toThrow(UsageError);
      expect(() => parseDuration(text, '--delay')).toThrow(`--delay: "${text}" is not a duration`);
    },
  );

  it('reads back what formatDuration writes', () => {
    fc.assert(
      fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (ms) => {
        expect(parseDuration(formatDuration(ms), '--delay')).toBe(ms);
      }),
    );
  });

  it('never takes a text for a negative or broken number', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9.dhms]{0,12}$/), (text) => {
        let ms: number | undefined;
        try {
          ms = parseDuration(text, '--delay');
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
        if (ms !== undefined) expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true);
      }),
    );
  });
});

describe('formatRoughly', () => {
  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [12_345, '12s'],
    [61_000, '1m1s'],
    [7_382_113, '2h3m'],
    [90_061_000, '1d1h'],
    [86_400_000, '1d'],
    [-5, '0ms'],
  ])('%d ms reads %s', (ms, text) => {
    expect(formatRoughly(ms)).toBe(text);
  });

  it('is never more than the duration, and less by under a part in 24', () => {
    fc.assert(
      fc.property(fc.integer({ min: 60_000, max: 10 ** 12 }), (ms) => {
        const rough = parseDuration(formatRoughly(ms), '--delay');
        expect(rough).toBeLessThanOrEqual(ms);
        expect(ms - rough).toBeLessThan(Math.max(1_000, ms / 24));
      }),
    );
  });
});
