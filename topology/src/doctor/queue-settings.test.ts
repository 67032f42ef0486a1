import { describe, expect, it } from '@jest/globals';
import type { HeldFact, PolicyFact, QueueFact } from './facts.js';
import { operatorPolicyOver, queueSettings, whoSet } from './queue-settings.js';

const queue: QueueFact = {
  name: 'tasks.echo',
  type: 'classic',
  durable: true,
  exclusive: false,
  arguments: { 'x-dead-letter-exchange': 'dead', 'x-max-length': 50 },
  policy: 'p',
  count: undefined,
};

function held(policies: Partial<HeldFact>): HeldFact {
  return { exchanges: [], queues: [queue], bindings: [], policies: [], operatorPolicies: [], ...policies };
}

function policy(name: string, definition: PolicyFact['definition'], said: Partial<PolicyFact> = {}): PolicyFact {
  return { name, pattern: '^tasks\\.', applyTo: 'all', priority: 0, definition, ...said };
}

describe('what is in force for a queue', () => {
  it('is its declaration before a policy, and the lowest limit of all', () => {
    const by = held({
      policies: [policy('p', { 'dead-letter-exchange': 'other', overflow: 'reject-publish', 'max-length': 70 })],
      operatorPolicies: [policy('o', { 'max-length': 10, 'max-length-bytes': 9 })],
    });
    expect(queueSettings(queue, by)).toMatchObject({
      deadLetterExchange: 'dead',
      deadLetterKey: undefined,
      overflow: 'reject-publish',
      maxLength: 10,
      maxLengthBytes: 9,
    });
  });

  it('comes of the one policy that the broker names, not of others that match', () => {
    expect(
      queueSettings(queue, held({ policies: [policy('q', { overflow: 'drop-head' }, { priority: 99 })] })).overflow,
    ).toBe(undefined);
  });

  it.each([
    ['all', 'classic', true],
    ['queues', 'quorum', true],
    ['classic_queues', 'classic', true],
    ['classic_queues', 'quorum', false],
    ['quorum_queues', 'quorum', true],
    ['quorum_queues', 'classic', false],
    ['streams', 'classic', false],
    ['exchanges', 'classic', false],
  ])('an operator policy for %s is over a %s queue: %s', (applyTo, type, expected) => {
    const by = held({ operatorPolicies: [policy('o', {}, { applyTo })] });
    expect(operatorPolicyOver({ ...queue, type }, by) !== undefined).toBe(expected);
  });

  it('is the matching operator policy of the highest priority; a pattern of another dialect matches nothing', () => {
    const by = held({
      operatorPolicies: [
        policy('low', {}, { priority: 1 }),
        policy('high', {}, { priority: 2 }),
        policy('elsewhere', {}, { priority: 3, pattern: '^other$' }),
        policy('unread', {}, { priority: 4, pattern: '(?i)tasks' }),
      ],
    });
    expect(operatorPolicyOver(queue, by)?.name).toBe('high');
  });

  it('is said by the one whose value counts', () => {
    const by = (policies: Partial<HeldFact>) => whoSet('max-length', queue, held(policies));
    expect(by({})).toBe('its declaration');
    expect(by({ policies: [policy('p', { 'max-length': 7 })] })).toBe('policy "p"');
    expect(by({ operatorPolicies: [policy('o', { 'max-length': 60 })] })).toBe('its declaration');
    expect(by({ operatorPolicies: [policy('o', { 'max-length': 6 })] })).toBe('operator policy "o"');
    expect(
      whoSet('dead-letter-exchange', queue, held({ policies: [policy('p', { 'dead-letter-exchange': 'x' })] })),
    ).toBe('its declaration');
  });
});
