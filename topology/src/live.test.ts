import { describe, expect, it } from '@jest/globals';
import { defaultPolicy, type TaskType } from '@warren/tasks';
import fc from 'fast-check';
import { z } from 'zod';
import { dotDrawing } from './dot-drawing.js';
import { type Drawing, drawingOf } from './drawing.js';
import type { Held } from './held.js';
import { collapsedStanding, type Depth, liveOn, standingGenerations } from './live.js';
import { mermaidDrawing } from './mermaid-drawing.js';
import { delayMechanisms, queueProfiles, type Topology } from './model.js';
import { serviceRoles } from './service-roles.js';
import { textDrawing } from './text-drawing.js';
import { topologyFor } from './topology.js';

const types = [typeOf('echo'), typeOf('web-search')];
const shape = { unitMs: 100, levels: 3 };
const planned = topologyFor({ types, delay: 'ladder', profile: 'classic', ladder: shape });
const variants = queueProfiles.flatMap((profile) => delayMechanisms.map((delay) => ({ profile, delay })));

describe('what a broker has', () => {
  it.each(variants)('is as planned where everything is there: %p', ({ profile, delay }) => {
    const topology = topologyFor({ types, delay, profile });
    const live = liveOn(topology, heldAs(topology), noDepths);
    expect(live.findings).toEqual([]);
    const standings = [...live.exchanges, ...live.queues, ...live.bindings].map(({ standing }) => standing);
    expect(new Set(standings)).toEqual(new Set(['there']));
  });

  it('is told of in any mixture: what is missing, what is left over, and nothing of anybody else', () => {
    const old = topologyFor({
      types: [typeOf('old')],
      delay: 'ladder',
      profile: 'classic',
      ladder: { unitMs: 7, levels: 2 },
    });
    const isSomeOf = <T>(things: readonly T[]) => fc.subarray([...things]);
    const left = {
      exchanges: old.exchanges.filter(({ name }) => !planned.exchanges.some((one) => one.name === name)),
      queues: old.queues.filter(({ name }) => !planned.queues.some((one) => one.name === name)),
    };
    fc.assert(
      fc.property(
        isSomeOf(planned.exchanges),
        isSomeOf(planned.queues),
        isSomeOf(left.exchanges),
        isSomeOf(left.queues),
        (exchanges, queues, oldExchanges, oldQueues) => {
          const held = heldAs({
            ...planned,
            exchanges: [...exchanges, ...oldExchanges],
            queues: [...queues, ...oldQueues],
          });
          const live = liveOn(planned, withSomebodyElses(held), noDepths);
          const named = (parts: typeof live.exchanges | typeof live.queues, standing: string) =>
            parts.filter((one) => one.standing === standing).map(({ part }) => part.name);
          expect(named(live.exchanges, 'there')).toEqual(exchanges.map(({ name }) => name));
          expect(named(live.queues, 'there')).toEqual(queues.map(({ name }) => name));
          expect(named(live.exchanges, 'leftover')).toEqual(oldExchanges.map(({ name }) => name));
          expect(named(live.queues, 'leftover')).toEqual(oldQueues.map(({ name }) => name));
          expect(named(live.exchanges, 'missing')).toHaveLength(planned.exchanges.length - exchanges.length);
          expect(named(live.queues, 'missing')).toHaveLength(planned.queues.length - queues.length);
          expect(JSON.stringify(live)).not.toContain('somebody');
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is found in words: a ladder in one line, a binding only where both its ends are there', () => {
    const held = heldAs({
      ...planned,
      exchanges: planned.exchanges.filter(({ ladder }) => ladder === undefined),
      queues: [
        ...planned.queues.filter(({ name, ladder }) => ladder === undefined && name !== 'unroutable'),
        { name: 'tasks.old', arguments: {}, purpose: '' },
      ],
      bindings: planned.bindings.filter(
        ({ source, destination }) => source === 'dead' && destination === 'dead-letters',
      ),
      policies: [{ ...planned.policies[0], priority: 3 } as Topology['policies'][number]],
    });
    expect(liveOn(planned, held, noDepths).findings).toEqual([
      'missing: 4 exchanges of ladder delay.100ms-x3',
      'missing: queue unroutable',
      'missing: 3 queues of ladder delay.100ms-x3',
      'leftover: queue tasks.old',
      'missing: binding submit (#) to queue submitted',
      'missing: binding tasks (echo.*) to queue tasks.echo',
      'missing: binding tasks (web-search.*) to queue tasks.web-search',
      'not as planned: policy tasks.echo (planned: priority=10)',
      'missing: policy tasks.web-search',
    ]);
  });

  it('shows what the broker has where it is declared otherwise, and says what is planned', () => {
    const held = heldAs(planned);
    const queues = held.queues.map((queue) =>
      queue.name === 'dead-letters' ? { ...queue, arguments: { 'x-queue-type': 'quorum', 'x-max-length': 5 } } : queue,
    );
    const { drawing } = drawn({ ...held, queues });
    expect(drawing.queues.find(({ name }) => name === 'dead-letters')).toMatchObject({
      standing: 'different',
      facts: ['quorum', 'at most 5 messages', 'planned without x-max-length', 'planned: x-queue-type=classic'],
    });
  });

  it('is held to the newest of a queue that is to be replaced, and to a replacement once it is made', () => {
    const quorum = topologyFor({ types, delay: 'plugin', profile: 'quorum' });
    const queue = (name: string, type: string) => {
      return { name, durable: true, autoDelete: false, arguments: { 'x-queue-type': type }, messages: 0 };
    };
    const of = (...queues: Held['queues'][number][]) => standingGenerations({ queues }, quorum).get('dead-letters');
    expect(of()).toBe(1);
    expect(of(queue('dead-letters', 'classic'))).toBe(1);
    expect(of(queue('dead-letters', 'classic'), queue('dead-letters.g2', 'stream'))).toBe(2);
    const made = { ...queue('dead-letters.g2', 'quorum') };
    const wanted = quorum.queues.find(({ name }) => name === 'dead-letters')?.arguments ?? {};
    expect(of(queue('dead-letters', 'classic'), { ...made, arguments: wanted })).toBe(2);
  });
});

it.each([
  [[], 'planned'],
  [['there', 'there'], 'there'],
  [['missing'], 'missing'],
  [['there', 'missing'], 'different'],
] as const)('a ladder of parts that stand as %p stands as %p', (standings, expected) => {
  expect(collapsedStanding(standings)).toBe(expected);
});

describe('every picture of a broker', () => {
  const depths = new Map<string, Depth>([
    ['tasks.echo', { ready: 1_234, unacked: 5, consumers: 1 }],
    ['tasks.web-search', { ready: 0, unacked: 0, consumers: 0 }],
    ['delay.100ms-x3.level-02', { ready: 40, unacked: 2, consumers: 0 }],
    ['tasks.old', { ready: 9, unacked: 0, consumers: 2 }],
  ]);
  const held = heldAs({
    ...planned,
    queues: [
      ...planned.queues.filter(({ name }) => name !== 'submitted'),
      { name: 'tasks.old', arguments: {}, purpose: '' },
    ],
    bindings: planned.bindings.filter(({ source, destination }) => source !== 'tasks' || destination !== 'tasks.echo'),
  });
  const pictures: [string, (drawing: Drawing) => string][] = [
    ['text', (drawing) => textDrawing(drawing, 80)],
    ['Mermaid', mermaidDrawing],
    ['DOT', (drawing) => dotDrawing(drawing, 'here')],
  ];

  it.each(pictures)('has depths and consumers, what is missing and what is left: %s', (_format, picture) => {
    const text = picture(drawn(held, depths).drawing);
    for (const said of ['1,234 ready, 5 unacked', '1 consumer', '0 ready, 0 unacked', 'no consumer', '42 waiting']) {
      expect(text).toContain(said);
    }
    expect(text).toContain('9 ready, 0 unacked');
    expect(text).toContain('tasks.old');
    expect(text.match(/LEFTOVER/g)?.length).toBeGreaterThan(0);
    expect(text.match(/MISSING/g)?.length).toBeGreaterThan(1);
    const [asPlanned] = [picture(drawn(heldAs(planned), depths).drawing)];
    expect(asPlanned.replace(/^ MISSING planned.*$/m, '')).not.toMatch(/MISSING|LEFTOVER|NOT AS PLANNED/);
  });

  it('counts the levels of a ladder each by itself where all are drawn', () => {
    const live = liveOn(planned, held, depths);
    const text = textDrawing(drawingOf(live, serviceRoles(planned, types), { full: true }));
    expect(text).toContain('│ 40 ready, 2 unacked');
    expect(text).not.toContain('waiting');
  });

  it('says in words what is otherwise, or that nothing is', () => {
    const { drawing } = drawn(held, depths);
    const text = textDrawing(drawing);
    for (const finding of drawing.findings ?? []) expect(text).toContain(`\n   ${finding}\n`);
    expect(drawing.findings).toHaveLength(3);
    const nothing = 'Everything is as planned, and nothing is left over.';
    expect(textDrawing(drawn(heldAs(planned)).drawing)).toContain(nothing);
    expect(dotDrawing(drawn(heldAs(planned)).drawing, 'here')).toContain(nothing);
  });
});

const noDepths: ReadonlyMap<string, Depth> = new Map();

function drawn(held: Held, depths = noDepths): { drawing: Drawing } {
  return { drawing: drawingOf(liveOn(planned, held, depths), serviceRoles(planned, types), { full: false }) };
}

function heldAs({ exchanges, queues, bindings, policies }: Topology): Held {
  const policyOf = (queue: string) => policies.find(({ pattern }) => new RegExp(pattern).test(queue))?.name;
  return {
    exchanges: exchanges.map(({ name, type, arguments: given }) => {
      return { name, type, durable: true, autoDelete: false, internal: false, arguments: given, messages: 0 };
    }),
    queues: queues.map(({ name, arguments: given }) => {
      const policy = policyOf(name);
      const queue = { name, durable: true, autoDelete: false, arguments: given, messages: 0 };
      return policy === undefined ? queue : { ...queue, policy };
    }),
    bindings: bindings.map((binding) => ({ ...binding, arguments: {} })),
    policies,
  };
}

function withSomebodyElses(held: Held): Held {
  const binding = { source: 'tasks', destination: 'somebody', routingKey: '#', arguments: {} };
  return {
    exchanges: [
      ...held.exchanges,
      {
        name: 'somebody',
        type: 'topic',
        durable: true,
        autoDelete: false,
        internal: false,
        arguments: {},
        messages: 0,
      },
    ],
    queues: [...held.queues, { name: 'somebody', durable: true, autoDelete: false, arguments: {}, messages: 0 }],
    bindings: [...held.bindings, { ...binding, destinationKind: 'queue' }],
    policies: [
      ...held.policies,
      { name: 'somebody', pattern: '^somebody$', applyTo: 'all', priority: 0, definition: {} },
    ],
  };
}

function typeOf(name: string): TaskType {
  const policy = { ...defaultPolicy, queueTtlMs: 9_000_000 };
  return { name, summary: name, input: z.unknown(), result: z.unknown(), policy };
}
