import { describe, expect, it } from '@jest/globals';
import { stopWithinMs } from '@warren/broker';
import { endWithinMs } from './supervised-service.js';

describe('endWithinMs', () => {
  it.each([
    [{}, 10_000],
    [{ WARREN_DRAIN_MS: '600000' }, 600_000],
  ])('under %j, no service is killed that keeps to its own time', (env, drainMs) => {
    expect(endWithinMs(env)).toBeGreaterThan(stopWithinMs({ drainMs }));
  });
});
