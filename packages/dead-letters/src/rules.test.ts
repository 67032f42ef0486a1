import { describe, expect, it } from '@jest/globals';
import { permanentCodes, type ReasonCode, reasonCodes, transientCodes } from '@warren/tasks';
import { classify, defaultRules, letterOrigins, replayMayHelp, ruleNames, unclassified } from './rules.js';

describe('the rules', () => {
  it('have a word for every reason code, whoever wrote the letter', () => {
    for (const code of reasonCodes) {
      for (const origin of letterOrigins) {
        expect({ code, origin, rule: classify({ code, origin }).rule }).not.toMatchObject({ rule: unclassified.rule });
      }
    }
  });

  it('are each reached by some letter: none is hidden by one above it', () => {
    const fields = ['task_id', 'message_id'];
    const reached = reasonCodes.flatMap((code) =>
      letterOrigins.flatMap((origin) => fields.map((field) => classify({ code, origin, field }).rule)),
    );
    expect(defaultRules.map(({ name }) => name).filter((name) => !reached.includes(name))).toEqual([]);
    expect([...new Set(reached)].sort()).toEqual([...ruleNames].sort());
  });

  it.each<[ReasonCode, string, string]>([
    ...transientCodes.map((code): [ReasonCode, string, string] => [code, 'transient', 'retry']),
    ...permanentCodes
      .filter((code) => code !== 'conflict' && code !== 'not-found')
      .map((code): [ReasonCode, string, string] => [code, 'permanent', 'park']),
    ['conflict', 'conflict', 'park'],
    ['not-found', 'not-found', 'park'],
    ['expired', 'expired', 'park'],
    ['poison', 'poison', 'park'],
    ['over-budget', 'over-budget', 'park'],
    ['unroutable', 'unroutable', 'park'],
    ['exhausted', 'exhausted', 'park'],
    ['unknown', 'unknown', 'retry'],
  ])('treat a failure with code %s by rule %s: %s', (code, rule, action) => {
    expect(classify({ code, origin: 'failed' })).toMatchObject({ rule, action });
  });

  it.each([
    ['message_id', 'contradiction', 'contradicts itself'],
    ['task_type', 'contradiction', 'contradicts itself'],
    ['task_id', 'conflict', 'Two submissions'],
    ['idempotency_key', 'conflict', 'Two submissions'],
  ])('tell a conflict of a message with itself from one with another: %s', (field, rule, advice) => {
    const found = classify({ code: 'conflict', origin: 'failed', field });
    expect(found).toMatchObject({ rule, action: 'park', advice: expect.stringContaining(advice) });
  });

  it('retry an error without a code, but less often', () => {
    expect(classify({ code: 'unknown', origin: 'failed' }).attempts).toBe(3);
    expect(classify({ code: 'timeout', origin: 'failed' }).attempts).toBe(Number.POSITIVE_INFINITY);
  });

  it('never retry what the broker refused', () => {
    for (const code of reasonCodes) expect(classify({ code, origin: 'rejected' }).action).toBe('park');
  });

  it('are read from the top', () => {
    const [first, second] = [
      { name: 'poison', when: {}, action: 'park', advice: 'first' } as const,
      { name: 'transient', when: { codes: ['timeout'] }, action: 'retry', advice: 'second' } as const,
    ];
    expect(classify({ code: 'timeout', origin: 'failed' }, [first, second]).advice).toBe('first');
    expect(classify({ code: 'timeout', origin: 'failed' }, [second, first]).advice).toBe('second');
  });

  it('park what none of them matches', () => {
    expect(classify({ code: 'timeout', origin: 'failed' }, [])).toBe(unclassified);
  });

  it('advise a replay where the message is sound, and not where it is wrong in itself', () => {
    expect(reasonCodes.filter((code) => !replayMayHelp(code))).toEqual(
      permanentCodes.filter((code) => code !== 'not-found'),
    );
    expect(classify({ code: 'not-found', origin: 'failed' }).advice).toContain('replay');
  });

  it('tell a person what to do, as a sentence', () => {
    for (const { advice } of [...defaultRules, unclassified]) expect(advice).toMatch(/^[A-Z].{20,}\.$/);
  });
});
