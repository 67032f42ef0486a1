import { describe, expect, it } from '@jest/globals';
import { stopWithinMs } from '@warren/broker';
import { endText, endWithinMs, startsAgainText } from './supervised-service.js';

describe('endWithinMs', () => {
  it.each([
    [{}, 10_000],
    [{ WARREN_DRAIN_MS: '600000' }, 600_000],
  ])('under %j, no service is killed that keeps to its own time', (env, drainMs) => {
    expect(endWithinMs(env)).toBeGreaterThan(stopWithinMs({ drainMs }));
  });
});

describe('startsAgainText', () => {
  it.each([
    [500, 'starts again in 0.5 s'],
    [16_000, 'starts again in 16 s'],
  ])('%s ms', (waitMs, expected) => {
    expect(startsAgainText(waitMs)).toBe(expected);
  });
});

describe('endText', () => {
  it.each([
    ['signal SIGKILL', 'worker-1 (pid 12) was killed by SIGKILL'],
    ['exit code 7', 'worker-1 (pid 12) ended by itself with exit code 7'],
    ['spawn ENOMEM', 'worker-1 (pid 12) ended: spawn ENOMEM'],
  ])('%s', (ended, expected) => {
    expect(endText('worker-1', 12, ended)).toBe(expected);
  });
});
