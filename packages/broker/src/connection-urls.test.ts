import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addressOf, brokerUrls } from './connection-urls.js';

const inOrder = () => 0;

/** All that anybody gets to see of a URL. */
function shownOf(given: string): string {
  try {
    return brokerUrls(given, inOrder).map(addressOf).join(' ');
  } catch (error) {
    return String(error);
  }
}

describe('brokerUrls', () => {
  it.each([
    ['amqp://a', ['amqp://a']],
    ['amqp://u:p@a:1,b:2/v?heartbeat=3', ['amqp://u:p@a:1/v?heartbeat=3', 'amqp://u:p@b:2/v?heartbeat=3']],
    ['amqp://a/x,amqps://b/y', ['amqp://a/x', 'amqps://b/y']],
    ['amqp://u:p@[::1]:5672/%2f', ['amqp://u:p@[::1]:5672/%2f']],
    ['amqp://u:p@p,q@a,b/v%40w', ['amqp://u:p@p,q@a/v%40w', 'amqp://u:p@p,q@b/v%40w']],
    [
      ['amqp://a', ' amqp://b,c '],
      ['amqp://a', 'amqp://b', 'amqp://c'],
    ],
  ])('reads %j', (given, urls) => {
    expect(brokerUrls(given, inOrder)).toEqual(urls);
  });

  it.each([['http://a'], [''], ['amqp://'], ['amqp://a,/v'], ['amqp://a:port'], ['amqp://a/%zz'], [[]]])(
    'refuses %j',
    (given) => {
      expect(() => brokerUrls(given, inOrder)).toThrow(/broker URL|host and port/);
    },
  );

  it.each([
    ['http://user:secret@a'],
    ['amqp://user:secret@a:port'],
    ['user:secret@a'],
    // Each of these could be read as a host "user", with part of the password for a port and a vhost.
    ['amqp://user:12/secret@a'],
    ['amqp://user:/secret@a/v'],
    ['amqp://user:12?secret@a'],
    ['amqp://user:12#secret@a'],
    ['amqp://user:secret%zz@a'],
  ])('keeps the credentials of %s out of its error', (given) => {
    expect(() => brokerUrls(given, inOrder)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    );
  });

  it('shows a password nowhere, whatever else is wrong with the URL', () => {
    const word = fc.stringMatching(/^[a-z0-9:/?#@,%[\] -]{0,8}$/);
    fc.assert(
      fc.property(word, word, word, word, (user, before, host, vhost) => {
        const url = `amqp://${user}:${before}SECRET@${host}/${vhost}`;
        expect(shownOf(url)).not.toContain('SECRET');
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps every host, in any order', () => {
    const hosts = fc.uniqueArray(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(
        hosts,
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (ports, stream) => {
          const random = () => Number(stream.next().value);
          const urls = brokerUrls(`amqp://${ports.map((port) => `h:${port}`).join(',')}/v`, random);
          expect(urls.toSorted()).toEqual(ports.map((port) => `amqp://h:${port}/v`).toSorted());
        },
      ),
    );
  });
});

describe('addressOf', () => {
  it.each([
    ['amqp://u:secret@a', 'a:5672 vhost "/"'],
    ['amqps://a/warren', 'a:5671 vhost "warren"'],
    ['amqp://[::1]:9/%2f', '[::1]:9 vhost "/"'],
  ])('%s is at %s', (url, address) => {
    expect(addressOf(url)).toBe(address);
  });
});
