import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from '@jest/globals';
import { TaskFailure } from '@warren/tasks';
import { parseAllowedHost } from './allowed-hosts.js';
import { guardedLookup, type ResolveHost } from './guarded-lookup.js';

const loopback = { address: '127.0.0.1', family: 4 };
const publicV4 = { address: '8.8.8.8', family: 4 };
const publicV6 = { address: '2606:4700:4700::1111', family: 6 };

describe('guardedLookup', () => {
  it('leaves the addresses out that are not public, and keeps the order of the others', async () => {
    const answer = await lookUp('http://mixed.test/', async () => [loopback, publicV6, publicV4]);
    expect(answer).toEqual([publicV6, publicV4]);
  });

  it('gives a caller that wants one address the first that is left', async () => {
    const lookup = guardedLookup(new URL('http://mixed.test/'), [], async () => [loopback, publicV6]);
    const one = await new Promise((resolve) =>
      lookup('mixed.test', { all: false }, (error, address, family) => resolve([error, address, family])),
    );
    expect(one).toEqual([null, publicV6.address, 6]);
  });

  it('judges every answer: a name that was public once is refused when it turns to loopback', async () => {
    const answers = [[publicV4], [loopback]];
    const resolve: ResolveHost = async () => answers.shift() ?? [];
    expect(await lookUp('http://turns.test/', resolve)).toEqual([publicV4]);
    await expect(lookUp('http://turns.test/', resolve)).rejects.toMatchObject({ code: 'policy-violation' });
  });

  it('lets an allowed name through whatever its addresses are', async () => {
    expect(await lookUp('http://wiki.internal/', async () => [loopback], ['wiki.internal'])).toEqual([loopback]);
  });

  it('hands on that a name can not be resolved', async () => {
    const resolve: ResolveHost = async () => {
      throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    };
    await expect(lookUp('http://nowhere.test/', resolve)).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://127.0.0.1./',
    'http://0/',
    'http://１２７.0.0.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[::127.0.0.1]/',
    'http://169.254.169.254/latest/meta-data/',
  ])('refuses %s without any look-up', (url) => {
    expect(() => guardedLookup(new URL(url), [], async () => [publicV4])).toThrow(TaskFailure);
  });

  it('takes a public address as it is', () => {
    expect(() => guardedLookup(new URL('http://8.8.8.8/'), [], async () => [])).not.toThrow();
  });
});

function lookUp(address: string, resolve: ResolveHost, allow: string[] = []): Promise<string | LookupAddress[]> {
  const url = new URL(address);
  const lookup = guardedLookup(
    url,
    allow.flatMap((entry) => parseAllowedHost(entry) ?? []),
    resolve,
  );
  return new Promise((done, fail) => {
    lookup(url.hostname, { all: true }, (error, addresses) => (error ? fail(error) : done(addresses)));
  });
}
