import { describe, expect, it } from '@jest/globals';
import {
  healthyBroker,
  healthyTypes,
  holding,
  is,
  unknown,
  withQueue,
} from '../../../tests/fixtures/healthy-broker.js';
import { diagnose } from './diagnose.js';
import type { BrokerFacts } from './facts.js';
import { checkNames, type FindingCode, severityOf } from './finding.js';

/** For each finding a broker with that fault and no other. */
const faults: Readonly<Record<FindingCode, { facts: BrokerFacts }>> = {
  'alarm-disk': { facts: { ...healthyBroker(), nodes: is([{ ...node(), diskAlarm: true }]) } },
  'alarm-memory': { facts: { ...healthyBroker(), nodes: is([{ ...node(), memoryAlarm: true }]) } },
  'binding-leads-nowhere': {
    facts: holding(healthyBroker(), ({ exchanges, bindings }) => ({
      exchanges: [...exchanges, { name: 'audit', type: 'topic', arguments: {} }],
      bindings: [...bindings, { source: 'tasks', destination: 'audit', destinationKind: 'exchange', routingKey: '#' }],
    })),
  },
  'binding-to-nothing': {
    facts: holding(healthyBroker(), ({ bindings }) => ({
      bindings: [...bindings, { source: 'tasks', destination: 'gone', destinationKind: 'queue', routingKey: 'x' }],
    })),
  },
  'broker-old-series': { facts: { ...healthyBroker(), version: '3.13.7' } },
  'broker-too-old': { facts: { ...healthyBroker(), version: '3.9.29' } },
  'broker-version': { facts: healthyBroker() },
  'clock-of-broker': { facts: { ...healthyBroker(), brokerClockAheadMs: is(-60_000) } },
  'clock-of-ledger': { facts: { ...healthyBroker(), ledgerClockAheadMs: is(5_001) } },
  'connections-blocked': { facts: { ...healthyBroker(), connections: is([{ name: 'a', state: 'blocked' }]) } },
  'consumer-timeout-too-short': {
    facts: { ...healthyBroker(), consumers: is([{ queue: 'tasks.echo', prefetch: 1, timeoutMs: 60_000 }]) },
  },
  'consumer-timeout-unread': {
    facts: { ...healthyBroker(), consumers: is([]), consumerTimeoutMs: unknown('it runs elsewhere') },
  },
  'dead-letter-at-most-once': {
    facts: withQueue(healthyBroker('quorum'), 'submitted', {
      arguments: {
        'x-dead-letter-exchange': 'dead',
        'x-dead-letter-routing-key': '_submitted.broker',
        'x-dead-letter-strategy': 'at-least-once',
      },
    }),
  },
  'dead-letter-cycle': {
    facts: withQueue(healthyBroker(), 'dead-letters', { arguments: { 'x-dead-letter-exchange': 'dead' } }),
  },
  'dead-letter-exchange-missing': {
    facts: withQueue(healthyBroker(), 'unroutable', { arguments: { 'x-dead-letter-exchange': 'gone' } }),
  },
  'dead-letter-unrouted': {
    facts: withQueue(healthyBroker(), 'unroutable', {
      arguments: { 'x-dead-letter-exchange': 'events', 'x-dead-letter-routing-key': 'lost' },
    }),
  },
  'delay-missing': {
    facts: holding(healthyBroker('classic', 'plugin'), ({ exchanges, bindings }) => ({
      exchanges: exchanges.filter(({ name }) => name !== 'delayed'),
      bindings: bindings.filter(({ source }) => source !== 'delayed'),
    })),
  },
  'delay-plugin-absent': { facts: { ...healthyBroker(), delayWanted: 'auto' } },
  'delay-plugin-ends': {
    facts: { ...healthyBroker('classic', 'plugin'), delayWanted: 'auto', delayPlugin: is(true) },
  },
  'delay-plugin-missing': { facts: { ...healthyBroker(), delayWanted: 'plugin' } },
  'deprecated-classic-mirroring': {
    facts: holding(healthyBroker(), ({ policies }) => ({ policies: [...policies, policy({ 'ha-mode': 'all' })] })),
  },
  'deprecated-classic-storage': {
    facts: holding(healthyBroker(), ({ policies }) => ({ policies: [...policies, policy({ 'queue-version': 1 })] })),
  },
  'deprecated-feature': { facts: { ...healthyBroker(), deprecatedInUse: is(['ram_node_type']) } },
  'deprecated-global-qos': { facts: { ...healthyBroker(), channels: is([{ name: 'a (1)', globalPrefetch: 1 }]) } },
  'deprecated-transient-queue': {
    facts: holding(healthyBroker(), ({ queues }) => ({
      queues: [
        ...queues,
        {
          name: 'somebodys',
          type: 'classic',
          durable: false,
          exclusive: false,
          arguments: {},
          policy: undefined,
          count: undefined,
        },
      ],
    })),
  },
  'exchange-leads-nowhere': {
    facts: holding(healthyBroker(), ({ bindings }) => ({
      bindings: bindings.filter(({ source }) => source !== 'submit'),
    })),
  },
  'exchange-missing': {
    facts: holding(healthyBroker(), ({ exchanges }) => ({
      exchanges: exchanges.filter(({ name }) => name !== 'events'),
    })),
  },
  'length-limit': {
    facts: holding(healthyBroker(), () => ({ operatorPolicies: [policy({ 'max-length': 5 }, '^dead-letters$')] })),
  },
  'management-limited': { facts: { ...healthyBroker(), management: { state: 'limited', user: 'someone' } } },
  'management-refused': { facts: { ...healthyBroker(), management: { state: 'refused', why: '401' } } },
  'management-unreachable': { facts: { ...healthyBroker(), management: { state: 'unreachable', why: 'no answer' } } },
  'node-down': { facts: { ...healthyBroker(), nodes: is([node(), { ...node(), name: 'rabbit@b', running: false }]) } },
  'permission-missing': {
    facts: { ...healthyBroker(), permissions: is({ configure: '.*', write: '.*', read: '^(?!submitted$)' }) },
  },
  'policy-missing': { facts: withQueue(healthyBroker(), 'tasks.echo', { policy: undefined }) },
  'policy-of-operator': {
    facts: holding(healthyBroker(), () => ({ operatorPolicies: [policy({ 'message-ttl': 1_000 }, '^tasks\\.')] })),
  },
  'policy-overridden': {
    facts: withQueue(
      holding(healthyBroker(), ({ policies }) => ({ policies: [...policies, policy({ expires: 1_000 })] })),
      'tasks.echo',
      { policy: 'somebodys' },
    ),
  },
  'prefetch-over-memory': {
    facts: { ...healthyBroker(), consumers: is([{ queue: 'tasks.echo', prefetch: 2_000, timeoutMs: 1_800_000 }]) },
  },
  'prefetch-unlimited': {
    facts: { ...healthyBroker(), consumers: is([{ queue: 'tasks.echo', prefetch: 0, timeoutMs: 1_800_000 }]) },
  },
  'queue-missing': {
    facts: holding(healthyBroker(), ({ queues, bindings }) => ({
      queues: queues.filter(({ name }) => name !== 'tasks.echo'),
      bindings: bindings.filter(({ destination }) => destination !== 'tasks.echo'),
    })),
  },
  'queue-without-consumers': {
    facts: withQueue(healthyBroker(), 'tasks.echo', { count: { ready: 0, consumers: 0 } }),
  },
};

function node() {
  return { name: 'rabbit@a', running: true, memoryAlarm: false, diskAlarm: false, memoryLimitBytes: 2 ** 30 };
}

function policy(definition: Readonly<Record<string, unknown>>, pattern = '^nothing$') {
  return { name: 'somebodys', pattern, applyTo: 'all', priority: 99, definition };
}

describe.each([
  ['classic', 'ladder'],
  ['classic', 'plugin'],
  ['quorum', 'ladder'],
  ['quorum', 'plugin'],
] as const)('of a healthy broker with %s queues and delay by %s', (profile, delay) => {
  it('nothing is wrong and all is checked', () => {
    expect(diagnose(healthyBroker(profile, delay), healthyTypes)).toEqual({
      findings: [expect.objectContaining({ code: 'broker-version' })],
      good: checkNames,
      notChecked: [],
    });
  });
});

describe.each(Object.entries(faults))('%s', (code, { facts }) => {
  const { findings, good } = diagnose(facts, healthyTypes);

  it('is found where it was planted, with a mend, and nothing else is', () => {
    const codes = new Set(findings.map((one) => one.code).filter((one) => one !== 'broker-version'));
    expect([...codes]).toEqual(code === 'broker-version' ? [] : [code]);
    for (const { where, what, mend } of findings) {
      expect(where).toMatch(/\S/);
      expect(what).toMatch(/^[A-Z"][^\n]+\.$/);
      // One sentence; a file's name or a version has its dot within.
      expect(mend).toMatch(/^[A-Z][^\n]*[^.\n]\.$/);
      expect(mend).not.toMatch(/\. [A-Z]/);
    }
  });

  it('takes a check out of what was found good unless it only informs', () => {
    const found = findings.find((one) => one.code === code);
    expect(found?.severity).toBe(severityOf[found?.code ?? 'broker-version']);
    if (found?.severity !== 'information') expect(good.length).toBeLessThan(checkNames.length);
  });
});

describe('a diagnosis', () => {
  it('tells the gravest first', () => {
    const facts = { ...healthyBroker(), version: '3.10.8', nodes: is([{ ...node(), memoryAlarm: true }]) };
    expect(diagnose(facts, healthyTypes).findings.map(({ severity }) => severity)).toEqual([
      'error',
      'warning',
      'information',
    ]);
  });

  it('calls nothing good that could not be looked at, and says why', () => {
    const why = 'the management API is away';
    const facts: BrokerFacts = {
      ...healthyBroker(),
      delayWanted: 'auto',
      delayPlugin: unknown(why),
      management: { state: 'unreachable', why },
      nodes: unknown(why),
      connections: unknown(why),
      channels: unknown(why),
      consumers: unknown(why),
      held: unknown(why),
      permissions: unknown(why),
      deprecatedInUse: unknown(why),
      brokerClockAheadMs: unknown(why),
      ledgerClockAheadMs: unknown(why),
      consumerTimeoutMs: unknown(why),
    };
    const { findings, good, notChecked } = diagnose(facts, healthyTypes);
    expect(findings.map(({ code }) => code)).toEqual(['management-unreachable', 'broker-version']);
    expect(good).toEqual(['version']);
    expect(notChecked.map(({ check }) => check)).toEqual(
      checkNames.filter((check) => check !== 'version' && check !== 'management'),
    );
    for (const one of notChecked) expect(one.why).toContain(why);
  });
});
