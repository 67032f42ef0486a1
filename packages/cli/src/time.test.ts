import { describe, expect, it } from '@jest/globals';
import { formatAge, formatTime } from './time.js';

describe('formatAge', () => {
  it.each([
    [0, '0s'],
    [400, '0s'],
    [-400, '0s'],
    [3_000, '3s'],
    [7_380_000, '2h3m'],
    [-300_000, 'in 5m'],
  ])('%d ms later reads %s', (ms, text) => {
    expect(formatAge(1_000_000_000, 1_000_000_000 + ms)).toBe(text);
  });
});

it('formatTime is UTC to the second', () => {
  expect(formatTime(Date.UTC(2026, 2, 1, 9, 30, 0, 250))).toBe('2026-03-01T09:30:00Z');
});
