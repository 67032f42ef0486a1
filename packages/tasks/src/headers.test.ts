import { describe, expect, it } from '@jest/globals';
import { headerBytes } from './headers.js';

describe('headerBytes', () => {
  it.each([
    [{}, 5],
    [{ ab: 'cde' }, 5 + 3 + 8],
    [{ ä: 'é' }, 5 + 3 + 7],
    [{ a: Buffer.alloc(7) }, 5 + 2 + 12],
    [{ a: ['x', 'y'] }, 5 + 2 + 5 + 6 + 6],
    [{ a: { b: 'c' } }, 5 + 2 + 5 + 2 + 6],
    [{ a: 1, b: true, c: null }, 5 + 3 * (2 + 9)],
  ])('%j takes %i', (table, bytes) => {
    expect(headerBytes(table, Number.POSITIVE_INFINITY)).toBe(bytes);
  });

  it('finds headers without end too large', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(headerBytes(circle, 100)).toBeGreaterThan(100);
  });
});
