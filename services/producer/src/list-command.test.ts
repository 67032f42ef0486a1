import { describe, expect, it } from '@jest/globals';
import { readWanted } from './list-command.js';

const now = Date.UTC(2030, 0, 31, 18, 0, 0);
const minute = 60_000;

describe('readWanted', () => {
  it('leaves to the ledger what it can look for', () => {
    const { inLedger, matches } = readWanted(
      { filter: 'code:timeout tenant:acme age:>1m,<3m', state: 'parked,queued', type: 'research' },
      now,
    );
    expect(matches).toBeUndefined();
    expect(inLedger).toEqual({
      states: ['parked', 'queued'],
      type: 'research',
      code: 'timeout',
      tenant: 'acme',
      createdBefore: now - minute - 1,
      createdSince: now - 3 * minute + 1,
    });
  });

  it('looks itself where a key has several values', () => {
    const { inLedger, matches } = readWanted({ filter: 'type:a,b state:queued' }, now);
    expect(inLedger).toEqual({ states: ['queued'] });
    expect(matches).toBeDefined();
  });

  it('takes the later of --since and the age', () => {
    expect(readWanted({ filter: 'age:<3m', since: '1m' }, now).inLedger.createdSince).toBe(now - minute);
    expect(readWanted({ filter: 'age:<1m', since: '2030-01-31T17:00:00Z' }, now).inLedger.createdSince).toBe(
      now - minute + 1,
    );
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
