import { describe, expect, it } from '@jest/globals';
import { defaultPolicy, priorityClasses, type TaskType } from '@warren/tasks';
import { z } from 'zod';
import { delayMechanisms, type Topology } from './model.js';
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

  it("sets each type's TTL by one policy for its queues alone", () => {
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

describe('the quorum profile', () => {
  const quorum = (priorities: 'lanes' | 'strict') =>
    topologyFor({ types: [typeOf('echo')], delay: 'ladder', profile: 'quorum', priorities });
  const workQueues = ({ queues }: Topology) => queues.filter(({ name }) => name.startsWith('tasks.'));
  const work = {
    'x-queue-type': 'quorum',
    'x-dead-letter-exchange': 'dead',
    'x-dead-letter-routing-key': 'echo.broker',
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  };

  it('has quorum queues alone, of which none drops a message that came back often', () => {
    for (const { arguments: given } of quorum('lanes').queues) {
      expect(given['x-queue-type']).toBe('quorum');
      const atLeastOnce = given['x-dead-letter-strategy'] === 'at-least-once';
      expect(atLeastOnce ? given['x-overflow'] : given['x-delivery-limit']).toBe(
        atLeastOnce ? 'reject-publish' : 1_000_000,
      );
    }
  });

  it('gives each type a lane a class, to which the routing key leads, at once and behind the ladder', () => {
    const topology = quorum('lanes');
    expect(workQueues(topology).map(({ name, arguments: given }) => [name, given])).toEqual([
      ['tasks.echo.high', work],
      ['tasks.echo.normal', work],
      ['tasks.echo.low', work],
    ]);
    const keys = (destination: string) =>
      topology.bindings.flatMap((one) => (one.destination === destination ? [[one.source, one.routingKey]] : []));
    expect(keys('tasks.echo.high')).toEqual([
      ['tasks', 'echo.high'],
      ['delay.100ms-x25.due', '#.echo.high'],
    ]);
  });

  it('has one queue a type where the queue itself puts the more urgent first', () => {
    expect(workQueues(quorum('strict')).map(({ name, arguments: given }) => [name, given])).toEqual([
      ['tasks.echo', work],
    ]);
  });

  it('sets the delivery limit by the policy, beside the TTL', () => {
    const [policy] = quorum('lanes').policies;
    expect(policy?.definition).toEqual({ 'message-ttl': 1_000, 'delivery-limit': 100 });
    expect(workQueues(quorum('lanes')).every(({ name }) => new RegExp(policy?.pattern ?? '').test(name))).toBe(true);
  });
});

it('puts queues in their generations, and every binding to them', () => {
  const generations = new Map([
    ['tasks.echo.high', 2],
    ['dead-letters', 3],
  ]);
  const given = { types: [typeOf('echo')], delay: 'ladder', profile: 'quorum' } as const;
  const [first, later] = [topologyFor(given), topologyFor({ ...given, generations })];
  const renamed = (text: string) =>
    text.replaceAll('"tasks.echo.high"', '"tasks.echo.high.g2"').replaceAll('"dead-letters"', '"dead-letters.g3"');
  expect(JSON.stringify(later)).toBe(renamed(JSON.stringify(first)));
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
