import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openPostgres } from './postgres.js';

const labelOf = (url: string) => openPostgres(url).label;

function refusalOf(url: string): string {
  try {
    openPostgres(url);
    return 'taken';
  } catch (error) {
    return JSON.stringify(error, Object.getOwnPropertyNames(error));
  }
}

describe('the address of a Postgres', () => {
  it.each([
    ['postgres://warren@db/warren', 'postgres://warren@db/warren'],
    ['postgres://warren:s3cret@db:5432/warren', 'postgres://warren@db:5432/warren'],
    ['postgresql://warren:s%40cret@[::1]:5432/warren', 'postgresql://warren@[::1]:5432/warren'],
    ['postgres://db/warren?user=warren&password=s3cret&sslmode=verify-full', 'postgres://db/warren'],
    ['postgres:///warren?host=/run/postgresql', 'postgres:///warren'],
    // What pg takes and URL does not.
    ['postgres://warren:s3cret@/warren?host=/run/postgresql&password=s3cret', 'postgres://***@/warren'],
  ])('%s is shown as %s', (url, label) => {
    expect(labelOf(url)).toBe(label);
  });

  it.each([
    ['several hosts with a port each', 'postgres://warren:s3cret@one:5432,two:5432/warren'],
    ['several hosts', 'postgres://warren:s3cret@one,two:5432/warren'],
    ['no number for a port', 'postgres://warren:s3cret@db:port/warren'],
    ['a password that is not encoded', 'postgres://warren:s3/cret@db/warren'],
    ['a password that is not encoded either', 'postgres://warren:s3?cret@db:x/warren'],
    ['no slashes', 'postgres:warren:s3cret@db/warren'],
  ])('with %s is refused, and the password told nowhere', (_, url) => {
    const refusal = refusalOf(url);
    expect(refusal).toContain('one host, as in postgres://user:password@host:5432/database');
    expect(refusal).not.toContain('cret');
  });

  it('never shows a password, whatever else is wrong with it', () => {
    const word = fc.stringMatching(/^[a-z:/?#@,%[\] -]{0,12}$/);
    fc.assert(
      fc.property(word, word, word, (user, host, rest) => {
        const url = `postgres://${user}:SECRET@${host}/${rest}?password=SECRET`;
        const shown = refusalOf(url);
        expect(shown === 'taken' ? labelOf(url) : shown).not.toContain('SECRET');
      }),
    );
  });
});
