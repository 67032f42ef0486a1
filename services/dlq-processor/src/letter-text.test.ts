import { describe, expect, it } from '@jest/globals';
import type { Letter } from '@warren/ledger';
import { newLetter, receivedLetter } from '../../../tests/fixtures/letter.js';
import { detailFields } from './letter-text.js';

const now = Date.UTC(2030, 0, 31, 18, 0, 0);

function field(name: string, change: Partial<Letter>): string | undefined {
  const letter = { ...receivedLetter(newLetter(), now), state: 'parked' as const, ...change };
  const details = { letter, task: null, runs: [], actsByHand: [], advice: 'Correct it.' };
  return detailFields(details, now, (text) => text).find(([label]) => label === name)?.[1];
}

describe('what dead-letters show tells', () => {
  it('has a line for each property, the headers behind the others', () => {
    const properties = {
      messageId: 'm',
      priority: 5,
      headers: { 'x-tenant': 'acme\nwest', 'x-death': [{ count: 1 }] },
    };
    expect(field('PROPERTIES', { properties: JSON.stringify(properties) })).toBe(
      ['messageId: m', 'priority: 5', 'header x-tenant: acme west', 'header x-death: [ { "count": 1 } ]'].join('\n'),
    );
    expect(field('PROPERTIES', { properties: '{}' })).toBeUndefined();
  });

  it('shows no more of them than can be read', () => {
    const headers = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`h${n}`, 'x'.repeat(1_000)]));
    const lines = field('PROPERTIES', { properties: JSON.stringify({ headers }) })?.split('\n') ?? [];
    expect(lines).toHaveLength(41);
    expect(lines.at(-1)).toBe('and 20 more: --json has them');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(200);
  });

  it('has the commands for what its advice says', () => {
    expect(field('NEXT', { id: 'l', code: 'unsupported-action' })).toBe(
      'Correct it.\nwarren dead-letters cancel l\nwarren dead-letters complete l --note "what was done"',
    );
    expect(field('NEXT', { id: 'l', taskId: 't', code: 'timeout' })).toBe('Correct it.\nwarren dead-letters replay t');
  });

  it('names the id that the message gave itself', () => {
    const claimedId = '7f0c2f0e-7f4b-4d0e-9a53-0d9f3f1f2a10';
    expect(field('CLAIMED ID', { related: { claimedId } })).toBe(claimedId);
    expect(field('CLAIMED ID', {})).toBeUndefined();
  });
});
