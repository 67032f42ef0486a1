import { describe, expect, it } from '@jest/globals';
import { taskTypes } from '@warren/tasks';
import { topologyFor } from '@warren/topology';
import { type Holdings, missingFrom } from './topology-missing.js';

const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' });
const { exchanges, queues, bindings } = topology;

const all: Holdings = {
  exchanges: [{ name: '' }, { name: 'amq.topic' }, ...exchanges],
  queues,
  bindings: bindings.map(({ source, destination, destinationKind, routingKey }) => ({
    source,
    destination,
    destination_type: destinationKind,
    routing_key: routingKey,
  })),
};

describe('missingFrom', () => {
  it('is everything of a virtual host that holds nothing, and nothing of one that holds it all', () => {
    expect(missingFrom({ exchanges: [], queues: [], bindings: [] }, topology)).toEqual({
      exchanges: exchanges.length,
      queues: queues.length,
      bindings: bindings.length,
    });
    expect(missingFrom(all, topology)).toEqual({ exchanges: 0, queues: 0, bindings: 0 });
  });

  it('counts a queue that is gone with its bindings, and a binding whose key differs', () => {
    const [gone] = queues.filter(({ name }) => name.startsWith('tasks.'));
    const left = all.bindings.filter(({ destination }) => destination !== gone?.name);
    const held = { ...all, queues: queues.filter((queue) => queue !== gone), bindings: left };
    expect(missingFrom(held, topology)).toEqual({ exchanges: 0, queues: 1, bindings: bindings.length - left.length });
    const rekeyed = all.bindings.map((one, index) => (index === 0 ? { ...one, routing_key: 'other' } : one));
    expect(missingFrom({ ...all, bindings: rekeyed }, topology).bindings).toBe(1);
  });
});
