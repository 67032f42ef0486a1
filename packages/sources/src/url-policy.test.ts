import { describe, expect, it } from '@jest/globals';
import { parseUrl, redirectTarget } from './url-policy.js';

describe('parseUrl', () => {
  it('reads http and https', () => {
    expect(parseUrl('HTTPS://A.test:443/x').href).toBe('https://a.test/x');
    expect(parseUrl('http://0x7f.1/').hostname).toBe('127.0.0.1');
  });

  it.each([
    ['a.test/x', 'invalid-input'],
    ['http://', 'invalid-input'],
    ['http://[fe80::1%25eth0]/', 'invalid-input'],
    ['ftp://a.test/', 'policy-violation'],
    ['file:///etc/passwd', 'policy-violation'],
    ['javascript:alert(1)', 'policy-violation'],
    ['http://user@a.test/', 'policy-violation'],
  ])('refuses %s as %s', (address, code) => {
    expect(() => parseUrl(address)).toThrow(expect.objectContaining({ code }));
  });

  it('leaves a password out of its message', () => {
    expect(() => parseUrl('http://user:hunter2@a.test/')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});

describe('redirectTarget', () => {
  const from = new URL('https://a.test/dir/page');

  it.each([
    ['other', 'https://a.test/dir/other'],
    ['/other', 'https://a.test/other'],
    ['//b.test/', 'https://b.test/'],
  ])('follows %s to %s', (location, target) => expect(redirectTarget(from, 302, location)?.href).toBe(target));

  it('is none for an answer that is no redirect', () => {
    for (const status of [200, 300, 304, 404]) expect(redirectTarget(from, status, '/other')).toBeUndefined();
  });

  it.each([
    ['http://a.test/dir/page', 'policy-violation'],
    ['https://u:p@a.test/', 'policy-violation'],
    ['file:///etc/passwd', 'policy-violation'],
    ['http://[', 'upstream-error'],
    [undefined, 'upstream-error'],
  ])('refuses %s as %s', (location, code) => {
    expect(() => redirectTarget(from, 301, location)).toThrow(expect.objectContaining({ code }));
  });
});
