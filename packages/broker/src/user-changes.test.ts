import { describe, expect, it } from '@jest/globals';
import type { KnownUser } from './management-users.js';
import { noPassword, passwordHash } from './password-hash.js';
import { userChanges } from './user-changes.js';

const permissions = { configure: '^$', write: '^a$', read: '^b$' };
const topics = ['a', 'b'].map((exchange) => ({ exchange, write: '^x$', read: '^$' }));
const wanted = { tags: ['management'], permissions, topicPermissions: topics } as const;
const known: KnownUser = { ...passwordHash('password', Buffer.alloc(4)), ...wanted };
const keep = { kind: 'keep' } as const;

describe('what of a user is not as wanted', () => {
  it.each<[string, Partial<KnownUser>, readonly string[]]>([
    ['the same', {}, []],
    ['the same in another order', { topicPermissions: topics.toReversed() }, []],
    ['more tags', { tags: ['management', 'administrator'] }, ['tags']],
    ['not let into the virtual host', { permissions: undefined }, ['permissions']],
    ['more rights', { permissions: { ...permissions, configure: '.*' } }, ['permissions']],
    ['a topic permission too few', { topicPermissions: topics.slice(1) }, ['topic permissions']],
    ['another key', { topicPermissions: topics.map((one) => ({ ...one, write: '.*' })) }, ['topic permissions']],
  ])('%s', (_, change, changes) => {
    expect(userChanges({ ...known, ...change }, wanted, keep)).toEqual(changes);
  });

  it('a password, only where one was chosen or none is wanted', () => {
    const given = (password: string) => ({ kind: 'given', password }) as const;
    expect(userChanges(known, wanted, given('password'))).toEqual([]);
    expect(userChanges(known, wanted, given('another'))).toEqual(['password']);
    expect(userChanges(known, wanted, { kind: 'none' })).toEqual(['password']);
    expect(userChanges({ ...known, ...noPassword }, wanted, { kind: 'none' })).toEqual([]);
  });
});
