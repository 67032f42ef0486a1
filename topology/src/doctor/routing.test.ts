import { describe, expect, it } from '@jest/globals';
import { healthyBroker } from '../../../tests/fixtures/healthy-broker.js';
import type { HeldFact } from './facts.js';
import { arrivalsOf, exactly, exchangesWithWay, keysInto } from './routing.js';

const nothing: HeldFact = { exchanges: [], queues: [], bindings: [], policies: [], operatorPolicies: [] };

function queue(name: string): HeldFact['queues'][number] {
  const said = { durable: true, exclusive: false, arguments: {}, policy: undefined, count: undefined };
  return { name, type: 'classic', ...said };
}

function toQueue(source: string, routingKey: string, destination: string): HeldFact['bindings'][number] {
  return { source, routingKey, destination, destinationKind: 'queue' };
}

function arrivals(exchange: string, key: string, held: HeldFact): string[] {
  return [...arrivalsOf(exchange, exactly(key), held)].sort();
}

describe('where a message arrives', () => {
  it.each([
    ['direct', 'x', ['by-x']],
    ['topic', 'x', ['by-star', 'by-x']],
    ['fanout', 'x', ['by-star', 'by-x']],
    ['headers', 'y', ['by-star', 'by-x']],
    ['direct', 'y', []],
  ])('through a %s exchange with key %s: %j', (type, key, expected) => {
    const held: HeldFact = {
      ...nothing,
      exchanges: [{ name: 'e', type, arguments: {} }],
      queues: [queue('by-x'), queue('by-star')],
      // A direct exchange takes a star for itself.
      bindings: [toQueue('e', 'x', 'by-x'), toQueue('e', type === 'direct' ? 'z' : '*', 'by-star')],
    };
    expect(arrivals('e', key, held)).toEqual(expected);
  });

  it('through the default exchange: in the queue that is called like the key', () => {
    const held = { ...nothing, queues: [queue('a'), queue('b')] };
    expect(arrivals('', 'a', held)).toEqual(['a']);
    expect(arrivals('', 'c', held)).toEqual([]);
  });

  it('through the plugin, by the type in its arguments', () => {
    const held: HeldFact = {
      ...nothing,
      exchanges: [{ name: 'e', type: 'x-delayed-message', arguments: { 'x-delayed-type': 'direct' } }],
      queues: [queue('a')],
      bindings: [toQueue('e', 'x', 'a')],
    };
    expect(arrivals('e', 'x', held)).toEqual(['a']);
    expect(arrivals('e', 'y', held)).toEqual([]);
  });

  it('in the alternate where nothing takes the key, and ends in a ring of exchanges', () => {
    const held: HeldFact = {
      ...nothing,
      exchanges: [
        { name: 'e', type: 'topic', arguments: { 'alternate-exchange': 'other' } },
        { name: 'other', type: 'fanout', arguments: {} },
      ],
      queues: [queue('a'), queue('spare')],
      bindings: [
        toQueue('e', 'x', 'a'),
        toQueue('other', '', 'spare'),
        { source: 'other', destination: 'e', destinationKind: 'exchange', routingKey: '' },
      ],
    };
    expect(arrivals('e', 'x', held)).toEqual(['a']);
    expect(arrivals('e', 'y', held)).toEqual(['spare']);
    expect([...arrivalsOf('e', { patterns: ['#'] }, held)].sort()).toEqual(['a', 'spare']);
    expect(arrivals('missing', 'x', held)).toEqual([]);
  });

  it('leads down the ladder and out of it, and never up', () => {
    const facts = healthyBroker();
    const held = facts.held.known ? facts.held.value : nothing;
    const level = (number: string) => `delay.100ms-x25.level-${number}`;
    const down = (queue: string) => [...arrivalsOf(below(queue), keysInto(queue, held), held)];
    const below = (name: string) =>
      String(held.queues.find((one) => one.name === name)?.arguments['x-dead-letter-exchange']);
    expect(down(level('00')).sort()).toEqual(['tasks.echo', 'tasks.web-search', 'unroutable']);
    expect(down(level('03'))).toEqual(expect.arrayContaining([level('00'), level('01'), level('02'), 'tasks.echo']));
    expect(down(level('03'))).not.toContain(level('03'));
    expect(exchangesWithWay(held)).toEqual(
      new Set(held.exchanges.map(({ name }) => name).filter((name) => name !== 'events')),
    );
  });
});
