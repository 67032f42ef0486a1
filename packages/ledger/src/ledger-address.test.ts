import { describe, expect, it } from '@jest/globals';
import { LedgerUrlError, readLedgerAddress } from './ledger-address.js';

describe('readLedgerAddress', () => {
  it.each([
    ['sqlite:///data/my%20ledger.db', { kind: 'sqlite', path: '/data/my ledger.db' }],
    ['file:///data/ledger.db', { kind: 'sqlite', path: '/data/ledger.db' }],
    ['data/ledger.db', { kind: 'sqlite', path: 'data/ledger.db' }],
    ['/data/odd:name.db', { kind: 'sqlite', path: '/data/odd:name.db' }],
    ['postgres://me@host/db', { kind: 'postgres', url: 'postgres://me@host/db' }],
    ['postgresql://me@host/db', { kind: 'postgres', url: 'postgresql://me@host/db' }],
  ])('%s', (url, expected) => {
    expect(readLedgerAddress(url)).toEqual(expected);
  });

  it.each([
    'mysql://me:s3cret@host/db',
    'mysql:host',
    'postgress://me:s3cret@host/db',
    'sqlite3:///data/ledger.db',
    'sqlite://a.db',
    'sqlite:a.db',
  ])('refuses %s, and says what to write', (url) => {
    expect(() => readLedgerAddress(url)).toThrow(LedgerUrlError);
    expect(() => readLedgerAddress(url)).toThrow(
      expect.objectContaining({
        message: expect.not.stringContaining('s3cret'),
        next: 'write sqlite:///path/to/ledger.db or postgres://user:password@host/db',
      }),
    );
  });
});
