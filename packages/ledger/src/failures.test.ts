import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { LedgerUnavailable, troubleOf } from './failures.js';

const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('what a database error means', () => {
  it.each<[string, unknown, string]>([
    ['a busy SQLite', withCode('SQLITE_BUSY'), 'contended'],
    ['a stale snapshot', withCode('SQLITE_BUSY_SNAPSHOT'), 'contended'],
    ['a locked file, in words alone', new Error('database is locked'), 'contended'],
    ['a serialization failure', withCode('40001'), 'contended'],
    ['a deadlock', withCode('40P01'), 'contended'],
    ['a refused connection', withCode('ECONNREFUSED'), 'unavailable'],
    ['several addresses that refused', new AggregateError([withCode('ECONNREFUSED')]), 'unavailable'],
    [
      'an error of another realm',
      runInNewContext("Object.assign(new Error('x'), { code: 'ECONNRESET' })"),
      'unavailable',
    ],
    ['a server that shuts down', withCode('57P01'), 'unavailable'],
    ['a server that starts', withCode('57P03'), 'unavailable'],
    ['a broken connection', withCode('08006'), 'unavailable'],
    ['a socket that ended', new Error('Connection terminated unexpectedly'), 'unavailable'],
    ['a full disk', withCode('SQLITE_FULL'), 'unavailable'],
    ['a disk that fails', withCode('SQLITE_IOERR_WRITE'), 'unavailable'],
    ['a busy SQLite that recovers', withCode('SQLITE_BUSY_RECOVERY'), 'contended'],
    ['a code that only begins like one', withCode('400012'), 'other'],
    ['a NUL in a text', withCode('22021'), 'other'],
    ['a broken constraint', withCode('SQLITE_CONSTRAINT_FOREIGNKEY'), 'other'],
    ['a wrong password', withCode('28P01'), 'other'],
    ['nothing', undefined, 'other'],
    ['an empty aggregate', new AggregateError([]), 'other'],
  ])('%s', (_, error, trouble) => {
    expect(troubleOf(error)).toBe(trouble);
  });

  it('is told with the ledger that it happened to', () => {
    const refused = new AggregateError([withCode('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1')]);
    expect(new LedgerUnavailable('postgres://db/warren', refused).message).toBe(
      'the ledger postgres://db/warren does not answer: connect ECONNREFUSED 127.0.0.1:1',
    );
  });
});
