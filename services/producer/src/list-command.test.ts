import { describe, expect, it } from '@jest/globals';
import { readWanted } from './list-command.js';

const now = Date.UTC(2030, 0, 31, 18, 0, 0);
const minute = 60_000;

describe('readWanted', () => {
  it('asks the ledger for everything that a filter and flags name', () => {
    expect(
      readWanted(
        {
          filter: 'code:timeout,network tenant:acme,other group:g age:>1m,<3m',
          state: 'parked,queued',
          type: 'research',
        },
        now,
      ),
    ).toEqual({
      states: ['parked', 'queued'],
      types: ['research'],
      codes: ['timeout', 'network'],
      tenants: ['acme', 'other'],
      groups: ['g'],
      createdBefore: now - minute - 1,
      createdSince: now - 3 * minute + 1,
    });
    expect(readWanted({}, now)).toEqual({});
  });

  it('takes the later of --since and the age', () => {
    expect(readWanted({ filter: 'age:<3m', since: '1m' }, now).createdSince).toBe(now - minute);
    expect(readWanted({ filter: 'age:<1m', since: '2030-01-31T17:00:00Z' }, now).createdSince).toBe(now - minute + 1);
  });

  it.each([
    [{ filter: 'type:a', type: 'b' }, '--type'],
    [{ state: 'sleeping' }, '--state'],
    [{ since: 'yesterday' }, '--since'],
    [{ filter: 'colour:red' }, '--filter'],
  ])('%j names %s', (flags, field) => {
    expect(() => readWanted(flags, now)).toThrow(expect.objectContaining({ field, exitCode: 2 }));
  });
});
