import { describe, expect, it } from '@jest/globals';
import { defaultPolicy, type TaskType } from '@warren/tasks';
import { z } from 'zod';
import { generationsOn } from './generations.js';
import type { Held } from './held.js';
import { migrationsOn } from './migration.js';
import type { Topology } from './model.js';
import { type TopologyOptions, topologyFor } from './topology.js';

const echo: TaskType = {
  name: 'echo',
  summary: 'echo',
  input: z.unknown(),
  result: z.unknown(),
  policy: defaultPolicy,
};
const given = { types: [echo], delay: 'ladder', profile: 'classic' } as const;

/** A broker that holds the topology, and nothing else. */
function holding({ exchanges, queues, bindings }: Topology): Held {
  return {
    exchanges: exchanges.map((one) => ({ ...one, durable: true, autoDelete: false, internal: false, messages: 0 })),
    queues: queues.map((one) => ({ ...one, durable: true, autoDelete: false, messages: 0 })),
    bindings: bindings.map((one) => ({ ...one, arguments: {} })),
    policies: [],
  };
}

function wantedOn(held: Held, options: TopologyOptions): Topology {
  return topologyFor({ ...options, generations: generationsOn(held, topologyFor(options)) });
}

describe('the migrations of a broker', () => {
  it('are none where everything stands as it is wanted', () => {
    const held = holding(topologyFor(given));
    expect(migrationsOn(held, wantedOn(held, given))).toEqual([]);
  });

  it('lead every role from classic queues to quorum queues, and every binding of the old to the new', () => {
    const held = holding(topologyFor(given));
    const migrations = migrationsOn(held, wantedOn(held, { ...given, profile: 'quorum' }));
    expect(migrations.map(({ role, old, fresh }) => [role, old, fresh.map(({ name }) => name)])).toEqual([
      ['unroutable', ['unroutable'], ['unroutable.g2']],
      ['dead-letters', ['dead-letters'], ['dead-letters.g2']],
      ['submitted', ['submitted'], ['submitted.g2']],
      ['tasks.echo', ['tasks.echo'], ['tasks.echo.high', 'tasks.echo.normal', 'tasks.echo.low']],
    ]);
    const [work] = migrations.slice(-1);
    expect(work?.bindings.map(({ source, routingKey }) => `${source} ${routingKey}`)).toEqual([
      'tasks echo.high',
      'tasks echo.normal',
      'tasks echo.low',
      'delay.100ms-x25.due #.echo.high',
      'delay.100ms-x25.due #.echo.normal',
      'delay.100ms-x25.due #.echo.low',
    ]);
    expect(work?.unbind.map(({ source, routingKey }) => `${source} ${routingKey}`)).toEqual([
      'tasks echo.*',
      'delay.100ms-x25.due #.echo.*',
    ]);
  });

  it('go on where they were broken off, until the old queue is gone', () => {
    const before = holding(topologyFor(given));
    const changed = { ...given, profile: 'quorum', priorities: 'strict' } as const;
    const after = wantedOn(before, changed);
    const both = { ...before, queues: [...before.queues, ...holding(after).queues] };
    expect(wantedOn(both, changed)).toEqual(after);
    expect(migrationsOn(both, after).map(({ old }) => old)).toContainEqual(['tasks.echo']);
    const done = holding(after);
    expect(migrationsOn(done, wantedOn(done, changed))).toEqual([]);
  });

  it("leave what others bound to an old queue alone, to the queue's end", () => {
    const held = holding(topologyFor(given));
    const foreign = { source: 'orders', destination: 'tasks.echo', destinationKind: 'queue', routingKey: '' } as const;
    const withForeign = { ...held, bindings: [...held.bindings, { ...foreign, arguments: {} }] };
    const migrations = migrationsOn(withForeign, wantedOn(withForeign, { ...given, profile: 'quorum' }));
    expect(migrations.flatMap(({ unbind }) => unbind.map(({ source }) => source))).not.toContain('orders');
  });
});
