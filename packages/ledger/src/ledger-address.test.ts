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
    ['postgres://me@host/db?sslmode=require', { kind: 'postgres', url: 'postgres://me@host/db?sslmode=require' }],
    ['SQLite:///data/Ledger.db', { kind: 'sqlite', path: '/data/Ledger.db' }],
    ['FILE:///data/ledger.db', { kind: 'sqlite', path: '/data/ledger.db' }],
    ['Postgres://Me@host/DB', { kind: 'postgres', url: 'postgres://Me@host/DB' }],
    ['file:///data/what%3F.db', { kind: 'sqlite', path: '/data/what?.db' }],
    ['data/what?.db', { kind: 'sqlite', path: 'data/what?.db' }],
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
    'Mysql://me:s3cret@host/db',
    '',
    '  ',
    ':memory:',
    'file::memory:',
    'file:///data/ledger.db?mode=ro&key=s3cret',
    'sqlite:///data/ledger.db#part',
    'file:///a%2Fb.db',
    'file:///a%b.db',
  ])('refuses %s, and says what to write', (url) => {
    expect(() => readLedgerAddress(url)).toThrow(LedgerUrlError);
    expect(() => readLedgerAddress(url)).toThrow(
      expect.objectContaining({
        message: expect.not.stringContaining('s3cret'),
        next: 'write sqlite:///path/to/ledger.db or postgres://user:password@host/db',
      }),
    );
  });

  it.each([
    ['', 'is empty'],
    [':memory:', 'in memory'],
    ['file:///data/ledger.db?mode=ro', 'takes no query'],
    ['sqlite:///data/ledger.db#part', 'takes no query'],
    ['sqlite://ledger.db', 'names no absolute path'],
    ['file:///a%2Fb.db', 'has a / in its path that is written as %2F'],
    ['file:///a%b.db', 'has a % in its path that begins no encoded byte'],
  ])('says of %p what is wrong with it: it %s', (url, what) => {
    expect(() => readLedgerAddress(url)).toThrow(what);
  });
});
