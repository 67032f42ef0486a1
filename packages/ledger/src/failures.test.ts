import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { LedgerUnavailable, troubleOf } from './failures.js';

const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('what a database error means', () => {
  it.each<[string, unknown, string]>([
    ['a busy SQLite', withCode('SQLITE_BUSY'), 'contended'],
    ['a stale snapshot', withCode('SQLITE_BUSY_SNAPSHOT'), 'contended'],
    ['a lock that many ran for at once', withCode('SQLITE_PROTOCOL'), 'contended'],
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
    ...['ENOENT', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EACCES', 'EMFILE', 'EAI_AGAIN'].map(
      (code): [string, unknown, string] => [`a way to it that fails: ${code}`, withCode(code), 'unavailable'],
    ),
    ['a server that may only be read', withCode('25006'), 'unavailable'],
    ['a transaction that was idle for too long', withCode('25P03'), 'unavailable'],
    ['a wrong password', withCode('28P01'), 'unavailable'],
    ['a user that may not come in', withCode('28000'), 'unavailable'],
    ['a database that is not there yet', withCode('3D000'), 'unavailable'],
    ['a full disk of the server', withCode('53100'), 'unavailable'],
    ['a database that is dropped', withCode('57P04'), 'unavailable'],
    ['a server that cannot read its files', withCode('58030'), 'unavailable'],
    ['a certificate that ran out', withCode('CERT_HAS_EXPIRED'), 'unavailable'],
    ['a certificate that nobody vouches for', withCode('DEPTH_ZERO_SELF_SIGNED_CERT'), 'unavailable'],
    ['a chain that cannot be checked', withCode('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'unavailable'],
    ['a certificate of somebody else', withCode('ERR_TLS_CERT_ALTNAME_INVALID'), 'unavailable'],
    ['another protocol than TLS', withCode('ERR_SSL_WRONG_VERSION_NUMBER'), 'unavailable'],
    ['a server without TLS', new Error('The server does not support SSL connections'), 'unavailable'],
    ['a handshake that broke', new Error('There was an error establishing an SSL connection'), 'unavailable'],
    ['a statement without an answer', new Error('Query read timeout'), 'unavailable'],
    ['a connection that was not answered', new Error('timeout expired'), 'unavailable'],
    ['a client that was closed', new Error('Client was closed and is not queryable'), 'unavailable'],
    ['a busy SQLite that recovers', withCode('SQLITE_BUSY_RECOVERY'), 'contended'],
    ['a code that only begins like one', withCode('400012'), 'other'],
    ['a NUL in a text', withCode('22021'), 'other'],
    ['a broken constraint', withCode('SQLITE_CONSTRAINT_FOREIGNKEY'), 'other'],
    ['a missing table', withCode('42P01'), 'other'],
    ['a defect that Node names', withCode('ERR_INVALID_ARG_TYPE'), 'other'],
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
