import { describe, expect, it } from '@jest/globals';
import { parseCount } from './count.js';

describe('parseCount', () => {
  it('reads whole numbers within the range, bounds included', () => {
    expect(['0', '9', '007'].map((text) => parseCount(text, '--priority', { min: 0, max: 9 }))).toEqual([0, 9, 7]);
  });

  it.each(['', '10', '-1', '1.5', '1e1', '0x1', ' 1', 'many'])('refuses "%s", naming flag and range', (text) => {
    expect(() => parseCount(text, '--priority', { max: 9 })).toThrow(
      `--priority: "${text}" is not a whole number from 0 to 9`,
    );
  });
});
