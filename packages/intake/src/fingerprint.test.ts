import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'safe-stable-stringify';
import { fingerprint, isContentOf } from './fingerprint.js';

describe('isContentOf', () => {
  it('knows what was submitted again, however its keys came to be ordered', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        const submitted = { fingerprint: fingerprint('echo', stringify(payload) ?? 'null') };
        const arrived: unknown = JSON.parse(JSON.stringify(payload));
        expect(isContentOf(submitted, 'echo', arrived, JSON.stringify(arrived))).toBe(true);
      }),
    );
  });

  it.each([
    ['another type', 'shout', { 10: 'a', 9: 'b' }],
    ['another payload', 'echo', { 10: 'b', 9: 'a' }],
  ])('tells %s', (_, type, payload) => {
    const submitted = { fingerprint: fingerprint('echo', stringify({ 9: 'b', 10: 'a' })) };
    expect(isContentOf(submitted, type, payload, JSON.stringify(payload))).toBe(false);
  });
});
