import { describe, expect, it } from '@jest/globals';
import { defaultPolicy, priorityClasses, type TaskType } from '@warren/tasks';
import { z } from 'zod';
import { delayMechanisms } from './model.js';
import { routingKey, submittedLetterKey } from './names.js';
import { topologyFor } from './topology.js';

function typeOf(name: string, queueTtlMs = 1_000): TaskType {
  return { name, summary: name, input: z.unknown(), result: z.unknown(), policy: { ...defaultPolicy, queueTtlMs } };
}

const types = [typeOf('echo'), typeOf('web-search', 2_000)];

describe.each(delayMechanisms)('the topology with delay by %s', (delay) => {
  const topology = topologyFor({ types, delay, profile: 'classic' });
  const exchangeNames = topology.exchanges.map(({ name }) => name);
  const queueNames = topology.queues.map(({ name }) => name);

  it('names each thing once, and binds, dead-letters and falls back only to what it declares', () => {
    expect(new Set(exchangeNames).size).toBe(exchangeNames.length);
    expect(new Set(queueNames).size).toBe(queueNames.length);
    for (const { source, destination, destinationKind } of topology.bindings) {
      expect(exchangeNames).toContain(source);
      expect(destinationKind === 'queue' ? queueNames : exchangeNames).toContain(destination);
    }
    const referred = [...topology.queues, ...topology.exchanges].flatMap(({ arguments: given }) =>
      [given['x-dead-letter-exchange'], given['alternate-exchange']].filter((name) => name !== undefined),
    );
    for (const name of referred) expect(exchangeNames).toContain(name);
  });

  it('says of each thing what it is for, in one line of its own', () => {
    for (const things of [topology.exchanges, topology.queues]) {
      const purposes = things.map(({ purpose }) => purpose);
      for (const purpose of purposes) expect(purpose).toMatch(/^[A-Z][^\n|]{20,118}\.$/);
      expect(new Set(purposes).size).toBe(purposes.length);
    }
  });

  it('limits the length of the intake queue alone: a limit behind a delay would lose messages', () => {
    const limited = topology.queues.filter((queue) => 'x-max-length' in queue.arguments);
    expect(limited).toEqual([
      {
        name: 'submitted',
        arguments: {
          'x-queue-type': 'classic',
          'x-max-length': 10_000,
          'x-overflow': 'reject-publish',
          'x-dead-letter-exchange': 'dead',
          'x-dead-letter-routing-key': '_submitted.broker',
        },
        purpose: expect.any(String),
      },
    ]);
  });

  it('dead-letters from each queue under a key of its own, which no task is published under', () => {
    const keys = topology.queues.flatMap(({ name, arguments: given }) =>
      given['x-dead-letter-exchange'] === 'dead' ? [[given['x-dead-letter-routing-key'], name]] : [],
    );
    expect(keys).toEqual([
      ['_submitted.broker', 'submitted'],
      ['echo.broker', 'tasks.echo'],
      ['web-search.broker', 'tasks.web-search'],
    ]);
    const taskKeys = types.flatMap(({ name }) => priorityClasses.map((one) => routingKey(name, one)));
    for (const [key] of keys) expect(taskKeys).not.toContain(key);
  });

  it('gives each type a prioritized queue that dead-letters, bound to its own keys', () => {
    expect(topology.queues).toContainEqual({
      name: 'tasks.web-search',
      arguments: {
        'x-queue-type': 'classic',
        'x-max-priority': 9,
        'x-dead-letter-exchange': 'dead',
        'x-dead-letter-routing-key': 'web-search.broker',
      },
      purpose: 'Tasks of type web-search that wait for a worker, the highest priority first.',
    });
    expect(topology.bindings).toContainEqual({
      source: 'tasks',
      destination: 'tasks.web-search',
      destinationKind: 'queue',
      routingKey: 'web-search.*',
    });
  });

  it('sets each TTL by a policy for exactly one queue', () => {
    const ttls = topology.policies.map(({ pattern, definition }) => [
      queueNames.filter((name) => new RegExp(pattern).test(name)),
      definition,
    ]);
    expect(ttls).toEqual([
      [['tasks.echo'], { 'message-ttl': 1_000 }],
      [['tasks.web-search'], { 'message-ttl': 2_000 }],
    ]);
    expect(topology.policies.map(({ pattern }) => new RegExp(pattern).test('tasksXecho'))).toEqual([false, false]);
  });
});

it('the plugin adds one exchange and no queue', () => {
  const names = (delay: 'plugin' | 'ladder') => topologyFor({ types, delay, profile: 'classic' });
  expect(names('plugin').exchanges.filter(({ type }) => type === 'x-delayed-message')).toEqual([
    {
      name: 'delayed',
      type: 'x-delayed-message',
      arguments: { 'x-delayed-type': 'fanout' },
      purpose: expect.stringContaining('x-delay,'),
    },
  ]);
  expect(names('plugin').queues.map(({ name }) => name)).toEqual([
    'unroutable',
    'dead-letters',
    'submitted',
    'tasks.echo',
    'tasks.web-search',
  ]);
});

it('no type has the name that is kept for the letters of the way in', () => {
  const [first = ''] = submittedLetterKey.split('.');
  const named = () => topologyFor({ types: [typeOf(first)], delay: 'ladder', profile: 'classic' });
  expect(named).toThrow("can't be routed");
});

it.each(['0', '1', '1st', 'a.b', 'Echo', '', '#', '*'])('refuses the type name %p', (name) => {
  expect(() => topologyFor({ types: [typeOf(name)], delay: 'ladder', profile: 'classic' })).toThrow("can't be routed");
});

it('refuses a type given twice', () => {
  const twice = [typeOf('echo'), typeOf('echo')];
  expect(() => topologyFor({ types: twice, delay: 'ladder', profile: 'classic' })).toThrow('"echo" is given twice');
});

it.each([0, -1, 1.5, 2 ** 32])('refuses a TTL of %p', (ttl) => {
  expect(() => topologyFor({ types: [typeOf('echo', ttl)], delay: 'ladder', profile: 'classic' })).toThrow(
    'queueTtlMs',
  );
});
