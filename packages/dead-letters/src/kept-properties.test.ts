import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { identityOf, keepProperties, maxKeptDepth, restoreProperties, sendersHeaders } from './kept-properties.js';

/** Some that a careless way through JSON or objects would lose or mistake. */
const name = fc.oneof(fc.string(), fc.constantFrom('base64', 'number', 'table', '__proto__'));

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
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const headers = fc.dictionary(name, value, { noNullPrototype: true });

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

describe('the identity of a message', () => {
  it('is the same after a replay of it', () => {
    fc.assert(
      fc.property(headers, (given) => {
        const { headers: kept } = restoreProperties(keepProperties({ headers: given }));
        const replayed = { messageId: '', deliveryMode: 2, headers: sendersHeaders(kept) };
        expect(identityOf(replayed)).toBe(identityOf({ headers: given }));
      }),
    );
  });

  it.each<[string, Parameters<typeof identityOf>[0]]>([
    ['another copy', { headers: { a: 1, 'x-copy': 'another', 'x-dispatch': 2 } }],
    ['a dead-lettered one', { headers: { 'x-death': [{}], 'x-first-death-queue': 'q', a: 1, 'x-error': 'e' } }],
    ['one that can expire', { headers: { a: 1 }, expiration: '100', deliveryMode: 1 }],
  ])('is the same of %s', (_, properties) => {
    expect(identityOf(properties)).toBe(identityOf({ headers: { a: 1 } }));
  });

  it.each<[string, Parameters<typeof identityOf>[0]]>([
    ['header', { headers: { a: 2 } }],
    ['id', { headers: { a: 1 }, messageId: 'm' }],
    ['correlation id', { headers: { a: 1 }, correlationId: 'c' }],
    ['time', { headers: { a: 1 }, timestamp: 1 }],
  ])('differs with the %s that its sender gave', (_, properties) => {
    expect(identityOf(properties)).not.toBe(identityOf({ headers: { a: 1 } }));
  });
});
