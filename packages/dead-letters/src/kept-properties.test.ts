import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keepProperties, maxKeptDepth, restoreProperties } from './kept-properties.js';

/** What the AMQP client can hand out as a header's value. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    fc.double(),
    fc.integer(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.record({ '!': fc.constant('timestamp'), value: fc.maxSafeNat() }),
    fc.record({
      '!': fc.constant('decimal'),
      value: fc.record({ places: fc.nat({ max: 255 }), digits: fc.nat() }),
    }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('base64', 'number', 'table', '__proto__')), tie('value'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
}));
const headers = fc.dictionary(fc.string(), value, { noNullPrototype: true });

describe('kept properties', () => {
  it('give every header back as it was', () => {
    fc.assert(
      fc.property(headers, (given) => {
        expect(restoreProperties(keepProperties({ headers: given })).headers).toEqual(given);
      }),
    );
  });

  it('give the properties back that a publisher may set, and no others', () => {
    const given = {
      messageId: 'm',
      type: 't',
      contentType: 'text/plain',
      contentEncoding: 'gzip',
      priority: 9,
      expiration: '100',
      correlationId: 'c',
      replyTo: 'r',
      timestamp: 1,
      deliveryMode: 2,
      appId: 'a',
    };
    const received = { ...given, userId: 'guest', clusterId: 'rabbit' };
    expect(restoreProperties(keepProperties(received))).toEqual({ ...given, headers: {} });
    expect(keepProperties(received)).toContain('guest');
  });

  it('are the same text for the same message delivered again', () => {
    const kept = [1, 2].map((count) => keepProperties({ headers: { a: 1, 'x-delivery-count': count } }));
    expect(kept[0]).toBe(kept[1]);
  });

  it('say where headers are nested too deep, instead of overflowing', () => {
    const deep = Array.from({ length: 20_000 }).reduce<Record<string, unknown>>((inner) => ({ inner }), {});
    const kept = keepProperties({ headers: deep });
    expect(kept).toContain(`nested deeper than ${maxKeptDepth} levels`);
  });
});
