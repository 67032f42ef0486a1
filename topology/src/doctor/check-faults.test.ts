import { describe, expect, it } from '@jest/globals';
import { healthyBroker, healthyTypes, holding, is, withQueue } from '../../../tests/fixtures/healthy-broker.js';
import { checkDelay, checkVersion } from './check-broker.js';
import { checkDeadLettering } from './check-dead-letters.js';
import { checkDeprecated } from './check-deprecated.js';
import { checkLengthLimits } from './check-length-limits.js';
import { checkAlarms, checkClocks, clockToleranceMs } from './check-nodes.js';
import { checkPolicies } from './check-policies.js';
import { checkBindings, checkTopology } from './check-routes.js';
import type { BrokerFacts, HeldFact } from './facts.js';
import type { CheckResult } from './finding.js';

function codes({ findings }: CheckResult): string[] {
  return findings.map(({ code }) => code);
}

function policy(definition: HeldFact['policies'][number]['definition'], pattern = '.*') {
  return { name: 'somebodys', pattern, applyTo: 'all', priority: 99, definition };
}

describe('a version', () => {
  it.each([
    ['3.9.0', ['broker-version', 'broker-too-old'], 'know no priorities'],
    ['3.10.0', ['broker-version', 'broker-old-series'], 'know no priorities'],
    ['4.0.0', ['broker-version'], 'two priorities'],
    ['4.2.5', ['broker-version'], '4.2 is its last series'],
    ['4.3.0-rc.1', ['broker-version'], "can't run"],
    ['5.0.0', ['broker-version'], 'strictly'],
  ])('%s means %j', (version, expected, meaning) => {
    expect(codes(checkVersion({ version }))).toEqual(expected);
    expect(checkVersion({ version }).findings[0]?.what).toContain(meaning);
  });

  it.each([
    ['plugin', '4.2.0', true, ['delay-plugin-ends']],
    ['plugin', '4.2.0', false, ['delay-plugin-missing']],
    ['plugin', '4.3.0', false, ['delay-plugin-missing']],
    ['auto', '4.2.0', true, ['delay-plugin-ends']],
    ['auto', '4.2.0', false, ['delay-plugin-absent']],
    ['auto', '4.3.0', false, []],
    ['ladder', '4.2.0', true, []],
  ] as const)('asked for delay by %s on %s, with the plugin %s: %j', (delayWanted, version, has, expected) => {
    expect(codes(checkDelay({ delayWanted, version, delayPlugin: is<boolean>(has) }))).toEqual(expected);
  });
});

it('a node that has sent no statistics is not called good', () => {
  const silent = { name: 'rabbit@a', running: true, memoryAlarm: undefined, diskAlarm: undefined, memoryLimitBytes: 1 };
  expect(checkAlarms({ nodes: is([silent]) })).toEqual({
    findings: [],
    notChecked: 'node "rabbit@a" sent no statistics yet: ask again in 10 seconds',
  });
});

it('clocks may be apart as far as they are told, either way', () => {
  const at = (ms: number) => codes(checkClocks({ brokerClockAheadMs: is(ms), ledgerClockAheadMs: is(ms) }));
  expect([at(clockToleranceMs), at(-clockToleranceMs)]).toEqual([[], []]);
  expect(at(clockToleranceMs + 1)).toEqual(['clock-of-broker', 'clock-of-ledger']);
  expect(at(-clockToleranceMs - 1)).toEqual(['clock-of-broker', 'clock-of-ledger']);
});

it('a role is there with whichever lane or generation of it', () => {
  const facts = holding(healthyBroker('quorum'), ({ queues }) => ({
    queues: queues
      .filter(({ name }) => !['tasks.echo.high', 'tasks.echo.low'].includes(name))
      .map((queue) => (queue.name === 'tasks.echo.normal' ? { ...queue, name: 'tasks.echo.normal.g3' } : queue)),
  }));
  expect(codes(checkTopology(facts, healthyTypes))).toEqual([]);
});

it("somebody else's exchanges and bindings are theirs", () => {
  const facts = holding(healthyBroker(), ({ exchanges, bindings }) => ({
    exchanges: [...exchanges, { name: 'theirs', type: 'topic', arguments: {} }],
    bindings: [...bindings, { source: 'theirs', destination: 'gone', destinationKind: 'queue', routingKey: '' }],
  }));
  expect(codes(checkBindings(facts))).toEqual([]);
});

describe('dead letters', () => {
  const retryRing = (key: string): BrokerFacts =>
    holding(healthyBroker(), ({ exchanges, queues, bindings, policies }) => ({
      exchanges: [...exchanges, { name: 'again', type: 'topic', arguments: {} }],
      policies: [...policies, policy({ 'dead-letter-exchange': 'again', 'dead-letter-routing-key': key })],
      queues: [
        ...queues.map((queue) => (queue.name === 'dead-letters' ? { ...queue, policy: 'somebodys' } : queue)),
        {
          name: 'waiting-room',
          type: 'classic',
          durable: true,
          exclusive: false,
          arguments: { 'x-dead-letter-exchange': 'dead' },
          policy: undefined,
          count: undefined,
        },
      ],
      bindings: [
        ...bindings,
        { source: 'again', destination: 'waiting-room', destinationKind: 'queue', routingKey: 'once.#' },
      ],
    }));

  it('that go around are told once, with who set it, also through a policy and a queue of others', () => {
    const { findings } = checkDeadLettering(retryRing('once.more'));
    expect(findings.map(({ code }) => code)).toEqual(['dead-letter-cycle']);
    expect(findings[0]?.what).toContain('"dead-letters" -> "waiting-room" -> "dead-letters"');
    expect(findings[0]?.what).toContain('"dead-letters" by policy "somebodys"');
  });

  it('do not go around where the key leads elsewhere', () => {
    expect(codes(checkDeadLettering(retryRing('other')))).toEqual(['dead-letter-unrouted']);
  });

  it('of a classic queue may go at most once, of a quorum queue not', () => {
    const target = { 'x-dead-letter-exchange': 'dead', 'x-dead-letter-routing-key': 'x' };
    const with_ = (given: Record<string, string>, type: string) =>
      codes(checkDeadLettering(withQueue(healthyBroker(), 'submitted', { type, arguments: { ...target, ...given } })));
    const safe = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };
    expect(with_({}, 'classic')).toEqual([]);
    expect(with_(safe, 'quorum')).toEqual([]);
    expect(with_({ ...safe, 'x-overflow': 'drop-head' }, 'quorum')).toEqual(['dead-letter-at-most-once']);
    expect(with_({}, 'quorum')).toEqual(['dead-letter-at-most-once']);
  });
});

describe('a length limit', () => {
  it('of the queue that senders alone fill is its backpressure, unless dead letters lead there', () => {
    expect(codes(checkLengthLimits(healthyBroker()))).toEqual([]);
    const facts = withQueue(healthyBroker(), 'tasks.echo', {
      arguments: { 'x-dead-letter-exchange': 'submit', 'x-dead-letter-routing-key': 'echo' },
    });
    expect(codes(checkLengthLimits(facts))).toEqual(['length-limit']);
  });

  it('of many queues by one policy is told once, and of each kind', () => {
    const operatorPolicies = [policy({ 'max-length': 5, 'max-length-bytes': 70 })];
    const { findings } = checkLengthLimits(holding(healthyBroker(), () => ({ operatorPolicies })));
    expect(findings.map(({ what }) => /limit of (\d+ \w+)/.exec(what)?.[1])).toEqual(['5 messages', '70 bytes']);
    expect(findings[0]?.where).toMatch(/^queues "unroutable", "dead-letters", .* and \d+ more$/);
    expect(findings[0]?.mend).toContain('operator policy "somebodys"');
  });
});

describe('policies', () => {
  it('of the old name are ours', () => {
    expect(codes(checkPolicies(withQueue(healthyBroker(), 'tasks.echo', { policy: 'tasks.echo.ttl' })))).toEqual([]);
  });

  it('that replace ours are told with ours; over a queue that has none of ours, without', () => {
    const over = (queue: string) => {
      const facts = holding(healthyBroker(), ({ policies }) => ({ policies: [...policies, policy({ expires: 9 })] }));
      return checkPolicies(withQueue(facts, queue, { policy: 'somebodys' })).findings[0];
    };
    expect(over('tasks.echo')?.what).toContain('(expires=9). It puts "tasks.echo" out of force');
    expect(over('tasks.echo')?.mend).toContain('or a priority below');
    expect(over('dead-letters')?.what).toMatch(/\(expires=9\)\.$/);
    expect(over('dead-letters')?.mend).not.toContain('priority');
  });
});

it.each([
  [{ 'x-queue-mode': 'lazy' }, ['deprecated-classic-storage']],
  [{ 'x-queue-version': 1 }, ['deprecated-classic-storage']],
  [{ 'x-queue-version': 2 }, []],
])('a queue declared with %j is %j', (given, expected) => {
  expect(codes(checkDeprecated(withQueue(healthyBroker(), 'dead-letters', { arguments: given })))).toEqual(expected);
});

it('a deprecated feature that is told by what uses it is not told again', () => {
  const deprecatedInUse = is(['global_qos', 'transient_nonexcl_queues', 'management_metrics_collection']);
  expect(codes(checkDeprecated({ ...healthyBroker(), deprecatedInUse }))).toEqual([]);
});
