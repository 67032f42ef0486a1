import { describe, expect, it } from '@jest/globals';
import { defaultPolicy, type TaskType } from '@warren/tasks';
import { z } from 'zod';
import { delayMechanisms, queueProfiles } from './model.js';
import { serviceRoles } from './service-roles.js';
import { topologyFor } from './topology.js';
import { type BrokerUser, brokerUsers } from './users.js';

const types: readonly TaskType[] = ['echo', 'echo-loud'].map((name) => ({
  name,
  summary: name,
  input: z.unknown(),
  result: z.unknown(),
  policy: defaultPolicy,
}));

const cases = delayMechanisms.flatMap((delay) => queueProfiles.map((profile) => ({ delay, profile })));

describe.each(cases)('users with delay by $delay, profile $profile', ({ delay, profile }) => {
  const topology = topologyFor({ types, delay, profile });
  const users = brokerUsers(topology, types);
  const user = (role: string): BrokerUser => {
    const found = users.find((one) => one.role === role);
    if (found === undefined) throw new Error(`no user ${role}`);
    return found;
  };
  const may = (role: string, right: 'configure' | 'write' | 'read', name: string) =>
    new RegExp(user(role).permissions[right]).test(name);
  const named = (things: readonly { readonly name: string }[]) => things.map(({ name }) => name);

  it('are one a service, one for what declares, one for people and one for other languages', () => {
    expect(users.map(({ role }) => role)).toEqual([
      'topology',
      'client',
      'cli',
      'producer',
      'echo-worker',
      'echo-loud-worker',
      'dlq-processor',
    ]);
  });

  it('read the queues that their roles consume, in every later generation too, and no other queue', () => {
    for (const role of serviceRoles(topology, types)) {
      if (role.kind !== 'service' && role.kind !== 'worker') continue;
      for (const queue of named(topology.queues)) {
        const expected = role.consumes.includes(queue);
        expect([role.name, queue, may(role.name, 'read', queue)]).toEqual([role.name, queue, expected]);
        if (expected) expect(may(role.name, 'read', `${queue}.g12`)).toBe(true);
      }
    }
    expect(may('echo-worker', 'read', 'tasks.echo.high.g2')).toBe(true);
    expect(may('echo-worker', 'read', 'tasks.echo-loud')).toBe(false);
    expect(may('echo-worker', 'read', 'tasks.echoes')).toBe(false);
  });

  it('write to the exchanges that their roles publish to, and to no other', () => {
    for (const role of serviceRoles(topology, types)) {
      const name = role.kind === 'outside' ? 'client' : role.kind === 'command' ? 'cli' : role.name;
      for (const exchange of named(topology.exchanges)) {
        expect([name, exchange, may(name, 'write', exchange)]).toEqual([
          name,
          exchange,
          role.publishes.includes(exchange),
        ]);
      }
    }
  });

  it('configure nothing, but for queues that the broker names and for the one who declares', () => {
    const declared = [...named(topology.queues), ...named(topology.exchanges)];
    for (const { role } of users) {
      for (const name of declared)
        expect([role, name, may(role, 'configure', name)]).toEqual([role, name, role === 'topology']);
      expect([role, may(role, 'configure', 'amq.gen-x')]).toEqual([role, role === 'client' || role === 'cli']);
    }
  });

  it('let the one who declares do so with every generation, lane and ladder, and with nothing of anybody else', () => {
    const ours = ['tasks.gone.low.g3', 'dead-letters.g2', 'delay.1000ms-x10.level-03', 'delay.1ms-x2.due'];
    for (const name of ours) expect([name, may('topology', 'configure', name)]).toEqual([name, true]);
    for (const name of [
      'orders',
      'tasks',
      'tasks.',
      'tasksx',
      'x.tasks.echo',
      'delay.foo',
      'amq.topic',
      'amq.default',
    ]) {
      expect([name, may('topology', 'configure', name)]).toEqual([name, name === 'tasks']);
    }
  });

  it("hold a worker to its own type's keys, on every topic exchange that it publishes to", () => {
    const { topicPermissions } = user('echo-worker');
    const written = topology.exchanges.filter(
      ({ name, type }) => type === 'topic' && may('echo-worker', 'write', name),
    );
    expect(topicPermissions.map(({ exchange }) => exchange).toSorted()).toEqual(named(written).toSorted());
    const passes = (exchange: string, key: string) =>
      topicPermissions.some((one) => one.exchange === exchange && new RegExp(one.write).test(key));
    expect(passes('events', 'echo.0198.running')).toBe(true);
    expect(passes('events', 'echo-loud.0198.running')).toBe(false);
    expect(passes('dead', 'echo.high')).toBe(true);
    expect(passes('dead', 'echo.broker')).toBe(false);
    expect(passes('dead', 'echo-loud.high')).toBe(false);
    if (delay === 'ladder') {
      const level = 'delay.100ms-x25.level-03';
      expect(passes(level, '0.0.1.0.echo.low')).toBe(true);
      expect(passes(level, '0.0.1.0.echo-loud.low')).toBe(false);
    }
  });

  it('write patterns that end a quotation neither in a shell nor in JSON', () => {
    for (const { permissions, topicPermissions } of users) {
      for (const text of [...Object.values(permissions), ...topicPermissions.map(({ write }) => write)]) {
        expect(text).toMatch(/^\^[^'"]*$/);
      }
    }
  });
});
