import { describe, expect, it } from '@jest/globals';
import { isAllowedHost, parseAllowedHost } from './allowed-hosts.js';

describe('parseAllowedHost', () => {
  it.each([
    ['wiki.internal', { hostname: 'wiki.internal', port: null }],
    ['Wiki.Internal:8080', { hostname: 'wiki.internal', port: 8080 }],
    ['127.0.0.1:80', { hostname: '127.0.0.1', port: 80 }],
    ['0x7f.1', { hostname: '127.0.0.1', port: null }],
    ['::1', { hostname: '[::1]', port: null }],
    ['[0:0:0:0:0:0:0:1]:3000', { hostname: '[::1]', port: 3000 }],
  ])('reads %s', (entry, host) => expect(parseAllowedHost(entry)).toEqual(host));

  it.each(['', 'http://wiki', 'wiki/path', 'user@wiki', 'wiki:0', 'wiki:70000', 'wiki:', 'a b', '[::1', '1.2.3.4.5'])(
    'refuses "%s"',
    (entry) => expect(parseAllowedHost(entry)).toBeUndefined(),
  );
});

describe('isAllowedHost', () => {
  const allowed = ['wiki.internal', '127.0.0.1:8080', 'plain.internal:80', '[::1]:443'].flatMap(
    (entry) => parseAllowedHost(entry) ?? [],
  );

  it.each([
    ['http://wiki.internal/', true],
    ['https://WIKI.internal:8443/x', true],
    ['http://127.0.0.1:8080/', true],
    ['http://2130706433:8080/', true],
    ['http://plain.internal/', true],
    ['https://[::1]/', true],
    ['http://127.0.0.1:8081/', false],
    ['https://plain.internal/', false],
    ['http://[::1]/', false],
    ['http://sub.wiki.internal/', false],
    ['http://localhost:8080/', false],
  ])('%s: %s', (url, expected) => expect(isAllowedHost(new URL(url), allowed)).toBe(expected));
});
