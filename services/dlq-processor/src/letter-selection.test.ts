import { describe, expect, it } from '@jest/globals';
import { readSelection } from './letter-selection.js';

const now = 1_800_000_000_000;

describe('readSelection', () => {
  it.each([
    [{}, { states: ['parked'] }],
    [{ state: 'all' }, {}],
    [{ state: 'escalated' }, { states: ['parked'], escalated: true }],
    [{ filter: 'state:escalated' }, { states: ['parked'], escalated: true }],
    [{ filter: 'state:escalated escalated:ann' }, { states: ['parked'], escalated: ['ann'] }],
    [{ filter: 'escalated:no' }, { states: ['parked'], escalated: false }],
    [{ filter: 'escalated:yes state:replayed' }, { states: ['replayed'], escalated: true }],
    [{ filter: 'state:settled,completed' }, { states: ['settled', 'completed'] }],
    [
      { filter: 'type:a,b group:g age:>1s,<1m', code: 'timeout,network' },
      {
        states: ['parked'],
        types: ['a', 'b'],
        codes: ['timeout', 'network'],
        groups: ['g'],
        seenBefore: now - 1_001,
        seenSince: now - 59_999,
      },
    ],
  ])('%j asks for %j', (flags, asked) => {
    expect(readSelection(flags, now, 50)).toEqual({ ...asked, limit: 50 });
  });

  it.each([
    [{ state: 'parked,escalated' }, '--state'],
    [{ state: 'running' }, '--state'],
    [{ filter: 'state:running' }, '--filter'],
    [{ filter: 'escalated:yes,ann' }, '--filter'],
    [{ filter: 'age:>1h', olderThan: '2h' }, '--older-than'],
    [{ filter: 'state:parked', state: 'all' }, '--state'],
    [{ limit: '100001' }, '--limit'],
  ])('%j is refused and names %s', (flags, field) => {
    expect(() => readSelection(flags, now, 50)).toThrow(expect.objectContaining({ field, exitCode: 2 }));
  });
});
