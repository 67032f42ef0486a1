import { describe, expect, it } from '@jest/globals';
import { stopWithinMs, stopWithinMsUnder } from './service-environment.js';

describe('stopWithinMsUnder', () => {
  it.each([
    [{}, 10_000],
    [{ WARREN_DRAIN_MS: '' }, 10_000],
    [{ WARREN_DRAIN_MS: 'soon' }, 10_000],
    [{ WARREN_DRAIN_MS: '0' }, 0],
    [{ WARREN_DRAIN_MS: '600000' }, 600_000],
  ])('%j: what the service allows itself', (env, drainMs) => {
    expect(stopWithinMsUnder(env)).toBe(stopWithinMs({ drainMs }));
  });
});
