import { describe, expect, it } from '@jest/globals';
import { headers } from '@warren/tasks';
import { checkPublication, copyOf, type Publication } from './publisher-check.js';

const limits = { maxHeaderBytes: 1_000, maxBodyBytes: 10 };
const fine: Publication = {
  exchange: 'tasks',
  routingKey: 'k',
  body: Buffer.alloc(10),
  properties: { messageId: 'm' },
};

describe('checkPublication', () => {
  it('passes what the broker takes', () => {
    const properties = {
      messageId: 'm',
      expiration: '4294967295',
      priority: 255,
      deliveryMode: 1,
      timestamp: 0,
      headers: {},
    };
    expect(checkPublication({ ...fine, properties }, limits)).toBeUndefined();
  });

  it.each<[string, Partial<Publication>, object]>([
    ['a body over its limit', { body: Buffer.alloc(11) }, { kind: 'too-large', part: 'body', bytes: 11, limit: 10 }],
    [
      'headers over their limit',
      withProperties({ headers: { a: 'x'.repeat(1_000) } }),
      { part: 'headers', limit: 1_000 },
    ],
    ['a header that routes', withProperties({ headers: { BCC: ['q'] } }), { field: 'header "BCC"' }],
    ['a negative TTL', withProperties({ expiration: -1 }), { field: 'expiration' }],
    ['a TTL that is no number', withProperties({ expiration: '' }), { field: 'expiration' }],
    ['a TTL over 32 bits', withProperties({ expiration: '4294967296' }), { field: 'expiration' }],
    ['a priority that is no byte', withProperties({ priority: 1.5 }), { field: 'priority' }],
    ['a third delivery mode', withProperties({ deliveryMode: 3 }), { field: 'deliveryMode' }],
    ['a time before 1970', withProperties({ timestamp: -1 }), { field: 'timestamp' }],
    ['a long key', { routingKey: 'ä'.repeat(128) }, { field: 'routing key' }],
    ['a long exchange', { exchange: 'x'.repeat(256) }, { field: 'exchange' }],
    ['a long reply-to', withProperties({ replyTo: 'x'.repeat(256) }), { field: 'replyTo' }],
  ])('refuses %s', (_, change, failure) => {
    expect(checkPublication({ ...fine, ...change }, limits)).toMatchObject(failure);
  });
});

describe('copyOf', () => {
  it('reads the header that names the copy', () => {
    expect(copyOf({ headers: { [headers.copy]: 'c1' } })).toBe('c1');
    expect(copyOf({ headers: undefined })).toBeUndefined();
  });
});

function withProperties(
  properties: Publication['properties'] | Omit<Publication['properties'], 'messageId'>,
): Partial<Publication> {
  return { properties: { messageId: 'm', ...properties } };
}
