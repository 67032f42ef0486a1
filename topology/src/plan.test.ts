import { describe, expect, it } from '@jest/globals';
import { defaultPolicy, type TaskType } from '@warren/tasks';
import fc from 'fast-check';
import { z } from 'zod';
import { generationsOn } from './generations.js';
import { type Held, type HeldBinding, isOurBinding, isOurExchange } from './held.js';
import type { Binding, Queue, Topology } from './model.js';
import { planTopology } from './plan.js';
import { bindingName, type PlanStep, type ReplaceStep, stepText } from './plan-step.js';
import { overriddenPolicies } from './policies-in-force.js';
import { withoutReplacements } from './replacements.js';
import { type TopologyOptions, topologyFor } from './topology.js';

const echo = typeOf('echo');
const search = typeOf('web-search');
const plainOptions: TopologyOptions = { types: [echo, search], delay: 'plugin', profile: 'classic' };
const plain = topologyFor(plainOptions);

describe('the plan', () => {
  it('of a broker that holds what it should is empty, in whatever generations it holds it', () => {
    const generations = new Map([
      ['tasks.echo', 3],
      ['dead-letters', 2],
    ]);
    for (const profile of ['classic', 'quorum'] as const) {
      const wanted = topologyFor({ ...plainOptions, profile, generations });
      expect(planOf({ ...plainOptions, profile }, heldOf(topologyFor({ ...plainOptions, profile })))).toEqual([]);
      if (profile === 'classic') expect(planOf(plainOptions, heldOf(wanted))).toEqual([]);
    }
  });

  it('of an empty broker creates all, in an order in which it can be made', () => {
    const steps = planOf(plainOptions, nothing);
    expect(new Set(steps.map(({ action }) => action))).toEqual(new Set(['create']));
    expect(steps.map(({ kind }) => kind)).toEqual([
      ...plain.policies.map(() => 'policy'),
      ...plain.exchanges.map(() => 'exchange'),
      ...plain.queues.map(() => 'queue'),
      ...plain.bindings.map(() => 'binding'),
    ]);
  });

  it('says of a policy what changes', () => {
    const held = heldOf(topologyFor({ ...plainOptions, types: [typeOf('echo', 60_000), search] }));
    expect(texts(planOf(plainOptions, held))).toEqual([
      'change policy tasks.echo: message-ttl is 60000, should be 1000',
    ]);
  });

  it('replaces a queue of other arguments by the next generation, and leads its messages to it until then', () => {
    const held = without(
      'binding',
      'tasks -> queue tasks.echo by echo.*',
      withArguments(heldOf(plain), 'tasks.echo', { 'x-max-priority': 3 }),
    );
    expect(texts(planOf(plainOptions, held))).toEqual([
      'create binding tasks -> queue tasks.echo by echo.*: it is missing',
      'replace queue tasks.echo: x-max-priority is 3, should be 9; run "warren topology migrate", which puts tasks.echo.g2 in its place',
    ]);
    // Also where the caller has not looked which generations there are.
    expect(texts(planTopology(plain, held))).toEqual(texts(planOf(plainOptions, held)));
  });

  it('says of a queue that a newer generation stands beside that it drains', () => {
    const older = withArguments(heldOf(plain), 'tasks.echo', { 'x-max-priority': 3 });
    const newer = heldOf(topologyFor({ ...plainOptions, generations: new Map([['tasks.echo', 2]]) }));
    const held = { ...both(newer, older), queues: [...newer.queues, { ...queueOf(older, 'tasks.echo'), messages: 7 }] };
    expect(texts(planOf(plainOptions, held))).toEqual([
      'replace queue tasks.echo: in progress, 7 messages left; tasks.echo.g2 has taken its place',
    ]);
  });

  it('says of the queues of another profile what takes their place, and where they drain', () => {
    const options: TopologyOptions = {
      types: [echo],
      delay: 'ladder',
      ladder: { unitMs: 1, levels: 2 },
      profile: 'quorum',
    };
    const classic = heldOf(topologyFor({ ...options, profile: 'classic' }));
    const before = texts(planOf(options, classic)).filter((text) => text.includes('tasks.echo'));
    expect(before).toEqual([
      'change policy tasks.echo: delivery-limit is not set, should be 100',
      'replace queue tasks.echo: other queues are to take its tasks; run "warren topology migrate", which puts tasks.echo.high, tasks.echo.normal and tasks.echo.low in its place',
    ]);
    const after = planOf(options, both(classic, heldOf(wantedOn(classic, options))));
    expect(texts(after).filter((text) => text.includes('tasks.echo'))).toEqual([
      'change policy tasks.echo: delivery-limit is not set, should be 100',
      'replace queue tasks.echo: in progress, 0 messages left; tasks.echo.high, tasks.echo.normal and tasks.echo.low have taken its place',
    ]);
  });

  it('leads a new ladder to the queues of another profile that stand there still', () => {
    const from: TopologyOptions = { types: [echo], delay: 'plugin', profile: 'quorum' };
    const to: TopologyOptions = {
      types: [echo],
      delay: 'ladder',
      ladder: { unitMs: 1, levels: 1 },
      profile: 'classic',
    };
    const arrivals = (steps: readonly PlanStep[]) =>
      steps.flatMap(({ action, name }) => (action === 'create' && name.includes('.due -> queue') ? [name] : []));
    expect(arrivals(planOf(to, heldOf(topologyFor(from))))).toEqual([
      'delay.1ms-x1.due -> queue tasks.echo.high by #.echo.high',
      'delay.1ms-x1.due -> queue tasks.echo.normal by #.echo.normal',
      'delay.1ms-x1.due -> queue tasks.echo.low by #.echo.low',
    ]);
    const [whole, lanes] = [{ ...from, profile: 'classic' } as const, { ...to, profile: 'quorum' } as const];
    expect(arrivals(planOf(lanes, heldOf(topologyFor(whole))))).toEqual([
      'delay.1ms-x1.due -> queue tasks.echo by #.echo.high',
      'delay.1ms-x1.due -> queue tasks.echo by #.echo.normal',
      'delay.1ms-x1.due -> queue tasks.echo by #.echo.low',
    ]);
  });

  it('says of an exchange of other settings what to do by hand, and leaves its bindings to that', () => {
    const held = heldOf(plain);
    const exchanges = held.exchanges.map((one) => (one.name === 'tasks' ? { ...one, type: 'direct' } : one));
    const steps = planOf(plainOptions, { ...held, exchanges, bindings: [] });
    expect(texts(steps).filter((text) => text.includes('tasks'))).toEqual([
      'replace exchange tasks: type is direct, should be topic; stop what publishes to it, delete it in the management UI, then apply again',
    ]);
  });

  it('deletes the queue of a type that is gone with its bindings and policies, and says what it holds', () => {
    const held = heldOf(plain);
    const queues = held.queues.map((one) => (one.name === 'tasks.web-search' ? { ...one, messages: 1 } : one));
    const steps = planOf({ ...plainOptions, types: [echo] }, { ...held, queues });
    expect(texts(steps)).toEqual([
      'delete binding tasks -> queue tasks.web-search by web-search.*: it goes with tasks.web-search',
      'delete queue tasks.web-search: there is no task type "web-search"; it holds 1 message',
      'delete policy tasks.web-search: there is no task type "web-search"',
    ]);
    for (const step of steps) {
      expect(step).toHaveProperty('whenEmpty', [{ kind: 'queue', name: 'tasks.web-search' }]);
    }
  });

  it('deletes a ladder of another shape only when all its levels are empty', () => {
    const ladder = (levels: number): TopologyOptions => ({
      ...plainOptions,
      delay: 'ladder',
      ladder: { unitMs: 100, levels },
    });
    const held = both(heldOf(topologyFor(ladder(2))), heldOf(topologyFor(ladder(3))));
    const steps = planOf(ladder(3), held);
    expect(new Set(steps.map(({ action }) => action))).toEqual(new Set(['delete']));
    expect(steps.filter(({ kind }) => kind === 'queue').map(stepText)).toEqual([
      'delete queue delay.100ms-x2.level-00: the delay is by ladder delay.100ms-x3',
      'delete queue delay.100ms-x2.level-01: the delay is by ladder delay.100ms-x3',
    ]);
    const levels = ['level-00', 'level-01'].map((level) => ({ kind: 'queue', name: `delay.100ms-x2.${level}` }));
    for (const step of steps) expect(step).toHaveProperty('whenEmpty', levels);
  });

  it("deletes the plugin's exchange only when it holds nothing back", () => {
    const steps = planOf({ ...plainOptions, delay: 'ladder', ladder: { unitMs: 100, levels: 1 } }, heldOf(plain));
    const deletions = steps.filter(({ action }) => action === 'delete');
    expect(deletions.map(({ name }) => name)).toEqual(['delayed -> exchange tasks', 'delayed']);
    for (const step of deletions) expect(step).toHaveProperty('whenEmpty', [{ kind: 'exchange', name: 'delayed' }]);
  });

  it('deletes the policies of the old name', () => {
    const held = heldOf(plain);
    const old = held.policies.map((policy) => ({ ...policy, name: `${policy.name}.ttl` }));
    const steps = planOf(plainOptions, { ...held, policies: [...held.policies, ...old] });
    expect(texts(steps)).toEqual([
      'delete policy tasks.echo.ttl: policy tasks.echo has its place',
      'delete policy tasks.web-search.ttl: policy tasks.web-search has its place',
    ]);
  });
});

describe("an operator's policy", () => {
  it('that overrides ours is warned of and makes no difference', () => {
    const governed = (policy: string) => heldOf(plain).queues.map((queue) => ({ ...queue, policy }));
    const inForce = (policy: string) => new Map(governed(policy).map(({ name }) => [name, policy]));
    expect(planOf(plainOptions, { ...heldOf(plain), queues: governed('operator') })).toEqual([]);
    expect(overriddenPolicies(plain.policies, inForce('operator'))).toEqual([
      expect.stringMatching(
        /^queue "tasks.echo" is governed by policy "operator", so "tasks.echo" .* a priority below 10/,
      ),
      expect.stringMatching(/^queue "tasks.web-search" is governed/),
    ]);
    // Of the old name: the plan deletes it.
    expect(overriddenPolicies(plain.policies, inForce('tasks.echo.ttl'))).toEqual([]);
  });
});

describe('generationsOn', () => {
  it('finds the newest that fits, else the one after the newest, else the first', () => {
    const at = (...given: readonly [generation: number, maxPriority: number][]) => {
      const queues = given.map(([generation, maxPriority]) => ({
        ...queueOf(withArguments(heldOf(plain), 'tasks.echo', { 'x-max-priority': maxPriority }), 'tasks.echo'),
        name: generation === 1 ? 'tasks.echo' : `tasks.echo.g${generation}`,
      }));
      return generationsOn({ queues }, plain).get('tasks.echo');
    };
    expect(at()).toBe(1);
    expect(at([1, 9])).toBe(1);
    expect(at([1, 9], [2, 9])).toBe(2);
    expect(at([1, 9], [2, 3])).toBe(1);
    expect(at([1, 3], [7, 3])).toBe(8);
  });
});

describe('properties of the plan', () => {
  const options = fc.record({
    types: fc.uniqueArray(fc.constantFrom(echo, search, typeOf('echo', 5), typeOf('old')), {
      minLength: 1,
      selector: ({ name }) => name,
    }),
    delay: fc.constantFrom('plugin', 'ladder'),
    profile: fc.constantFrom('classic', 'quorum'),
    priorities: fc.constantFrom('lanes', 'strict'),
    ladder: fc.constantFrom({ unitMs: 100, levels: 2 }, { unitMs: 100, levels: 3 }),
  }) satisfies fc.Arbitrary<TopologyOptions>;

  /** Parts of up to three topologies in whatever generations, some of them spoilt, among things of somebody else's. */
  const held: fc.Arbitrary<Held> = fc
    .record({
      topologies: fc.array(
        fc.tuple(options, fc.integer({ min: 1, max: 3 })).map(([one, generation]) => {
          const first = topologyFor(one);
          return topologyFor({ ...one, generations: new Map(first.queues.map(({ name }) => [name, generation])) });
        }),
        { maxLength: 3 },
      ),
      keep: fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
      spoil: fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
    })
    .map(({ topologies, keep, spoil }) => {
      const all = topologies.map(heldOf).reduce(both, foreign);
      const next = (stream: Stream) => stream.next().value ?? 1;
      const some = <T>(things: readonly T[]) => things.filter(() => next(keep) > 1);
      const spoilt = <T>(things: readonly T[], spoiling: (thing: T) => T) =>
        things.map((thing) => (next(spoil) === 0 ? spoiling(thing) : thing));
      const left = some(all.exchanges);
      const exchanges = spoilt(left, (one) => (isOurExchange(one.name) ? { ...one, type: 'headers' } : one));
      const queues = spoilt(some(all.queues), (one) => ({
        ...one,
        arguments: { ...one.arguments, 'x-max-length': 5 },
      }));
      const [exchangeNames, queueNames] = [exchanges, queues].map((things) => things.map(({ name }) => name));
      return {
        exchanges,
        queues,
        bindings: spoilt(some(all.bindings), (one) => ({ ...one, arguments: { spoilt: 1 } })).filter(
          ({ source, destination, destinationKind }) =>
            exchangeNames?.includes(source) &&
            (destinationKind === 'queue' ? queueNames : exchangeNames)?.includes(destination),
        ),
        policies: spoilt(some(all.policies), (one) => ({ ...one, priority: one.priority + 1 })),
      };
    });

  it('once its steps are taken nothing is left to do', () => {
    fc.assert(
      fc.property(options, held, (wanted, before) => {
        const after = taken(planOf(wanted, before), before, wantedOn(before, wanted));
        expect(texts(planOf(wanted, after))).toEqual([]);
      }),
    );
  });

  it('what apply may do by itself, without replacing and deleting, leaves replacing and deleting alone', () => {
    fc.assert(
      fc.property(options, held, (wanted, before) => {
        const made = planOf(wanted, before).filter(({ action }) => action === 'create' || action === 'change');
        const after = taken(made, before, wantedOn(before, wanted));
        const left = planOf(wanted, after).filter(({ action }) => action === 'create' || action === 'change');
        expect(texts(left)).toEqual([]);
        expect(withoutReplacements(wantedOn(after, wanted), after)).toEqual(
          expect.objectContaining({ exchanges: withoutReplacements(wantedOn(before, wanted), before).exchanges }),
        );
      }),
    );
  });

  it('takes no step about what is not ours, and changes nothing of it', () => {
    fc.assert(
      fc.property(options, held, (wanted, before) => {
        const steps = planOf(wanted, before);
        expect(steps.filter(isTheirs).map(stepText)).toEqual([]);
        const theirs = ({ exchanges, queues, policies }: Held) => ({
          exchanges: exchanges.filter(({ name }) => theirNames.exchange.has(name)),
          queues: queues.filter(({ name }) => theirNames.queue.has(name)),
          policies: policies.filter(({ name }) => theirNames.policy.has(name)),
        });
        expect(theirs(taken(steps, before, wantedOn(before, wanted)))).toEqual(theirs(before));
      }),
    );
  });

  it('takes its steps in an order in which each can be taken', () => {
    fc.assert(
      fc.property(options, held, (wanted, before) => {
        const exchanges = new Set(before.exchanges.map(({ name }) => name));
        const queues = new Set(before.queues.map(({ name }) => name));
        const bindings = new Map(before.bindings.filter(isOurBinding).map((one) => [bindingKey(one), one]));
        const ends = ({ source, destination, destinationKind }: Binding) =>
          exchanges.has(source) && (destinationKind === 'queue' ? queues : exchanges).has(destination);
        const created = (kind: string) => planned.filter((one) => one.action === 'create' && one.kind === kind);
        const planned = planOf(wanted, before);
        for (const [index, step] of planned.entries()) {
          const later = planned.slice(index + 1);
          switch (`${step.action} ${step.kind}`) {
            case 'create exchange':
              if (step.action === 'create' && step.kind === 'exchange') {
                const alternate = step.exchange.arguments['alternate-exchange'];
                if (alternate !== undefined) expect(exchanges).toContain(alternate);
              }
              exchanges.add(step.name);
              break;
            case 'create queue':
              expect(later.filter((one) => one.kind === 'policy' && one.action !== 'delete')).toEqual([]);
              queues.add(step.name);
              break;
            case 'create binding':
              if (step.action === 'create' && step.kind === 'binding') expect(ends(step.binding)).toBe(true);
              break;
            case 'delete binding':
              if (step.action === 'delete' && step.kind === 'binding') bindings.delete(bindingKey(step.binding));
              break;
            case 'delete queue':
            case 'delete exchange':
              expect(
                [...bindings.values()].filter(
                  (one) => [one.source, one.destination].includes(step.name) && endsAt(one, step),
                ),
              ).toEqual([]);
          }
        }
        expect(created('policy').length).toBeLessThanOrEqual(wanted.types.length);
      }),
    );
  });
});

type Stream = Iterator<number>;

function endsAt({ source, destination, destinationKind }: Binding, { kind, name }: PlanStep): boolean {
  return (kind === 'exchange' && source === name) || (destinationKind === kind && destination === name);
}

function isTheirs(step: PlanStep): boolean {
  if (step.kind !== 'binding') return theirNames[step.kind].has(step.name);
  const { source, destination, destinationKind } = step.binding;
  return theirNames.exchange.has(source) || theirNames[destinationKind].has(destination);
}

/** The broker after these steps; a replacement as `topology migrate` and an operator make it. */
function taken(steps: readonly PlanStep[], before: Held, wanted: Topology): Held {
  return steps.reduce(
    (held, step) => (step.action === 'replace' ? replaced(held, step, wanted) : stepped(held, step)),
    before,
  );
}

function stepped(held: Held, step: Exclude<PlanStep, ReplaceStep>): Held {
  switch (step.action) {
    case 'create':
    case 'change':
      return both(step.kind === 'policy' ? without('policy', step.name, held) : held, made(step));
    case 'delete':
      return without(step.kind, step.kind === 'binding' ? bindingKey(step.binding) : step.name, held);
    default:
      return step satisfies never;
  }
}

function made(step: Exclude<PlanStep, ReplaceStep | { action: 'delete' }>): Held {
  const part = { exchanges: [], queues: [], bindings: [], policies: [] };
  switch (step.kind) {
    case 'policy':
      return heldOf({ ...part, policies: [step.policy] });
    case 'exchange':
      return heldOf({ ...part, exchanges: [step.exchange] });
    case 'queue':
      return heldOf({ ...part, queues: [step.queue] });
    case 'binding':
      return heldOf({ ...part, bindings: [step.binding] });
    default:
      return step satisfies never;
  }
}

function replaced(held: Held, step: ReplaceStep, wanted: Topology): Held {
  const gone = without(step.kind, step.name, held);
  const names = step.kind === 'exchange' ? [step.name] : step.by.length === 0 ? [step.name] : step.by;
  const there = both(
    gone,
    heldOf({
      exchanges: wanted.exchanges.filter(({ name }) => step.kind === 'exchange' && names.includes(name)),
      queues: wanted.queues.filter(({ name }) => step.kind === 'queue' && names.includes(name)),
      bindings: [],
      policies: [],
    }),
  );
  const ends = ({ source, destination, destinationKind }: Binding) =>
    there.exchanges.some(({ name }) => name === source) &&
    (destinationKind === 'queue' ? there.queues : there.exchanges).some(({ name }) => name === destination);
  return both(there, heldOf({ exchanges: [], queues: [], policies: [], bindings: wanted.bindings.filter(ends) }));
}

const nothing: Held = { exchanges: [], queues: [], bindings: [], policies: [] };

const foreign: Held = {
  exchanges: ['audit', 'delay.custom', 'tasks.copy', 'amq.topic'].map((name) => ({
    name,
    type: 'topic',
    durable: true,
    autoDelete: false,
    internal: false,
    arguments: {},
    messages: 0,
  })),
  queues: ['audit', 'amq.gen-1', 'tasks', 'tasks.Echo', 'tasks.echo.urgent', 'delay.100ms-x2.mine'].map((name) => ({
    name,
    durable: true,
    autoDelete: false,
    arguments: {},
    messages: 1,
  })),
  bindings: [
    { source: 'tasks', destination: 'audit', destinationKind: 'queue', routingKey: '#', arguments: {} },
    { source: 'events', destination: 'amq.gen-1', destinationKind: 'queue', routingKey: 'echo.#', arguments: {} },
    { source: 'audit', destination: 'tasks.echo', destinationKind: 'queue', routingKey: '#', arguments: {} },
  ],
  policies: [
    { name: 'operator', pattern: '.*', applyTo: 'all', priority: 99, definition: { 'max-length': 1 } },
    { name: 'tasks.echo.high', pattern: '.*', applyTo: 'all', priority: 0, definition: {} },
    { name: 'dead-letters', pattern: '.*', applyTo: 'all', priority: 0, definition: {} },
  ],
};

const theirNames = {
  exchange: new Set(foreign.exchanges.map(({ name }) => name)),
  queue: new Set(foreign.queues.map(({ name }) => name)),
  policy: new Set(foreign.policies.map(({ name }) => name)),
};

function wantedOn(held: Held, options: TopologyOptions): Topology {
  return topologyFor({ ...options, generations: generationsOn(held, topologyFor(options)) });
}

function planOf(options: TopologyOptions, held: Held): readonly PlanStep[] {
  return planTopology(wantedOn(held, options), held);
}

function texts(steps: readonly PlanStep[]): string[] {
  return steps.map(stepText);
}

/** What the broker holds once the topology is applied to an empty virtual host. */
function heldOf({
  exchanges,
  queues,
  bindings,
  policies,
}: Pick<Topology, 'exchanges' | 'queues' | 'bindings' | 'policies'>): Held {
  return {
    exchanges: exchanges.map(({ name, type, arguments: given }) => ({
      name,
      type,
      durable: true,
      autoDelete: false,
      internal: false,
      arguments: given,
      messages: 0,
    })),
    queues: queues.map(({ name, arguments: given }: Queue) => ({
      name,
      durable: true,
      autoDelete: false,
      arguments: given,
      messages: 0,
    })),
    bindings: bindings.map((binding) => ({ ...binding, arguments: {} })),
    policies,
  };
}

/** Both together; of two of a name the first one. */
function both(one: Held, other: Held): Held {
  const joined = <T>(a: readonly T[], b: readonly T[], key: (thing: T) => string) => {
    const known = new Set(a.map(key));
    return [...a, ...b.filter((thing) => !known.has(key(thing)))];
  };
  const name = (thing: { readonly name: string }) => thing.name;
  return {
    exchanges: joined(one.exchanges, other.exchanges, name),
    queues: joined(one.queues, other.queues, name),
    bindings: joined(one.bindings, other.bindings, bindingKey),
    policies: joined(one.policies, other.policies, name),
  };
}

/** Without the thing of this name, and without the bindings that the broker removes with it. */
function without(kind: PlanStep['kind'], name: string, held: Held): Held {
  const others = <T extends { readonly name: string }>(of: PlanStep['kind'], things: readonly T[]) =>
    things.filter((thing) => kind !== of || thing.name !== name);
  return {
    exchanges: others('exchange', held.exchanges),
    queues: others('queue', held.queues),
    bindings: held.bindings.filter((one) =>
      kind === 'binding'
        ? bindingKey(one) !== name
        : !(kind === 'exchange' && one.source === name) && !(one.destinationKind === kind && one.destination === name),
    ),
    policies: others('policy', held.policies),
  };
}

function bindingKey(binding: HeldBinding): string {
  const given = JSON.stringify(binding.arguments);
  return `${bindingName(binding)}${given === '{}' ? '' : given}`;
}

function withArguments(held: Held, name: string, changed: Readonly<Record<string, unknown>>): Held {
  const queues = held.queues.map((queue) =>
    queue.name === name ? { ...queue, arguments: { ...queue.arguments, ...changed } } : queue,
  );
  return { ...held, queues };
}

function queueOf(held: Held, name: string) {
  const found = held.queues.find((queue) => queue.name === name);
  if (found === undefined) throw new Error(`no queue ${name}`);
  return found;
}

function typeOf(name: string, queueTtlMs = 1_000): TaskType {
  return { name, summary: name, input: z.unknown(), result: z.unknown(), policy: { ...defaultPolicy, queueTtlMs } };
}
