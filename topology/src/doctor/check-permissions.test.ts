import { expect, it } from '@jest/globals';
import { healthyBroker, healthyTypes, is } from '../../../tests/fixtures/healthy-broker.js';
import { checkPermissions } from './check-permissions.js';
import type { BrokerFacts, PermissionFact } from './facts.js';

function refused(permission: PermissionFact | null, change: Partial<BrokerFacts> = {}): Record<string, string> {
  const facts = { ...healthyBroker(), permissions: is(permission), ...change };
  return Object.fromEntries(checkPermissions(facts, healthyTypes).findings.map(({ where, what }) => [where, what]));
}

const all: PermissionFact = { configure: '.*', write: '.*', read: '.*' };

it('a user without any permission can be no role', () => {
  const roles = ['warren commands', 'producer', 'echo-worker', 'web-search-worker', 'dlq-processor', 'topology apply'];
  expect(Object.keys(refused(null)).sort()).toEqual([...roles].sort());
  expect(Object.keys(refused({ configure: '', write: '', read: '' })).sort()).toEqual([...roles].sort());
});

it('names what a role lacks, and only the roles that lack it', () => {
  expect(refused({ ...all, read: '^(?!dead-letters$)' })).toEqual({
    'dlq-processor': 'User "warren" may not do what dlq-processor does: read "dead-letters".',
    'topology apply': 'User "warren" may not do what topology apply does: read "dead-letters".',
  });
  expect(refused({ ...all, write: '^(?!amq\\.default$)' })).toHaveProperty(
    'echo-worker',
    'User "warren" may not do what echo-worker does: write "amq.default".',
  );
  expect(refused({ ...all, write: '^(?!tasks$|events$)' }).producer).toContain('write "tasks", "events"');
});

it('lets a listener make its queue, and those who look for the plugin declare its exchange, where they do', () => {
  expect(Object.keys(refused({ ...all, configure: '^(?!amq\\.gen)' }))).toEqual(['warren commands']);
  const configure = '^(?!x-delay-probe)';
  expect(refused({ ...all, configure })).toEqual({});
  expect(refused({ ...all, configure }, { delayWanted: 'auto', version: '4.3.0' })).toEqual({});
  expect(Object.keys(refused({ ...all, configure }, { delayWanted: 'auto' }))).toContain('echo-worker');
});

it('leaves an expression of another dialect to the broker', () => {
  expect(refused({ ...all, read: '(?i).*' })).toEqual({});
});
