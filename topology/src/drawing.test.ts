import { describe, expect, it } from '@jest/globals';
import { defaultPolicy, type TaskType } from '@warren/tasks';
import fc from 'fast-check';
import { z } from 'zod';
import { type Drawing, drawingOf, keyText } from './drawing.js';
import { mermaidDrawing } from './mermaid-drawing.js';
import { delayMechanisms, type Topology } from './model.js';
import { serviceRoles } from './service-roles.js';
import { textDrawing, textDrawingWidth } from './text-drawing.js';
import { topologyFor } from './topology.js';

const types = [typeOf('echo'), typeOf('web-search')];

describe.each(delayMechanisms)('the services around a topology with delay by %s', (delay) => {
  const topology = topologyFor({ types, delay, profile: 'classic' });
  const roles = serviceRoles(topology, types);

  it('use only what it holds', () => {
    const exchanges = topology.exchanges.map(({ name }) => name);
    const queues = topology.queues.map(({ name }) => name);
    for (const { publishes, listens, consumes } of roles) {
      expect(exchanges).toEqual(expect.arrayContaining([...publishes, ...listens]));
      expect(queues).toEqual(expect.arrayContaining([...consumes]));
    }
  });

  it('leave no queue unconsumed but the levels of a ladder, and no exchange without anything that enters', () => {
    const consumed = roles.flatMap(({ consumes }) => consumes);
    const levels = topology.queues.filter(({ ladder }) => ladder !== undefined).map(({ name }) => name);
    expect([...consumed, ...levels].toSorted()).toEqual(topology.queues.map(({ name }) => name).toSorted());
    const entered = new Set([
      ...roles.flatMap(({ publishes }) => publishes),
      ...topology.bindings.map(({ destination }) => destination),
      ...topology.exchanges.map((exchange) => exchange.arguments['alternate-exchange']),
    ]);
    for (const { name } of topology.exchanges) expect(entered).toContain(name);
  });
});

describe('drawingOf', () => {
  const ladder = topologyFor({ types, delay: 'ladder', profile: 'classic', ladder: { unitMs: 100, levels: 3 } });

  it('draws a ladder as one exchange, which leads where its end leads', () => {
    const { exchanges, queues } = drawn(ladder, false);
    expect(exchanges.find((exchange) => exchange.ladder !== undefined)).toMatchObject({
      name: 'delay.100ms-x3.*',
      facts: ['ladder of 3 TTL queues', '100 ms to 400 ms each', '700 ms together'],
      routes: [
        { key: '#.echo.*', to: { kind: 'queue', name: 'tasks.echo' } },
        { key: '#.web-search.*', to: { kind: 'queue', name: 'tasks.web-search' } },
      ],
      alternate: 'unroutable',
    });
    expect(exchanges).toHaveLength(6);
    expect(queues).toHaveLength(5);
  });

  it('draws every level on request, from the top down', () => {
    const { exchanges, queues } = drawn(ladder, true);
    expect(exchanges.map(({ name }) => name)).toEqual([
      'submit',
      'tasks',
      'delay.100ms-x3.level-02',
      'delay.100ms-x3.level-01',
      'delay.100ms-x3.level-00',
      'delay.100ms-x3.due',
      'dead',
      'unroutable',
      'events',
    ]);
    expect(queues).toHaveLength(8);
  });

  it('leaves out no argument, also one that it has no words for', () => {
    const [queue] = ladder.queues;
    if (queue === undefined) throw new Error('no queue');
    const changed = { ...queue, arguments: { ...queue.arguments, 'x-single-active-consumer': 'true' } };
    const { queues } = drawn({ ...ladder, queues: [changed] }, false);
    expect(queues[0]?.facts).toEqual(['classic', 'x-single-active-consumer=true']);
  });

  it("says a queue's TTL, whoever sets it", () => {
    const facts = (name: string) => drawn(ladder, true).queues.find((queue) => queue.name === name)?.facts;
    expect(facts('tasks.echo')).toEqual(['classic, priorities 0-9', 'TTL 2.5 h (policy)']);
    expect(facts('delay.100ms-x3.level-01')).toContain('TTL 200 ms');
  });
});

it.each([
  ['', '(any)'],
  ['#', '#'],
  ['*.*.*.1.#', '*.*.*.1.#'],
  ['*.*.*.*.1.#', '(*.)×4 1.#'],
])('the key %p is shown as %p', (key, shown) => {
  expect(keyText(key)).toBe(shown);
});

describe('the picture for a terminal', () => {
  it('shows exchanges with what enters and leaves them', () => {
    const plugin = topologyFor({ types: [typeOf('echo')], delay: 'plugin', profile: 'classic' });
    const [picture] = textDrawing(drawingOf(plugin, serviceRoles(plugin, [typeOf('echo')]), { full: false })).split(
      '\n\n ╔═╗ exchange',
    );
    expect(`\n${picture}\n`).toBe(expectedPicture);
  });

  it('fits the columns that there are, whatever the types are called, and leaves no queue out', () => {
    const { narrowest, usual, widest } = textDrawingWidth;
    const name = fc.stringMatching(/^[a-z][a-z0-9]{0,30}(-[a-z0-9]{1,30})?$/);
    const names = fc.uniqueArray(name, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(names, fc.constantFrom(...delayMechanisms), fc.boolean(), (given, delay, full) => {
        const taskTypes = given.map((one) => typeOf(one));
        const topology = topologyFor({ types: taskTypes, delay, profile: 'classic' });
        const drawing = drawingOf(topology, serviceRoles(topology, taskTypes), { full });
        for (const width of [narrowest, 93, undefined, 130, widest]) {
          const lines = textDrawing(drawing, width).split('\n');
          expect(lines.filter((line) => line.length > (width ?? usual))).toEqual([]);
          for (const one of given) expect(lines.some((line) => line.trim().startsWith(`tasks.${one}`))).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('says below itself what things are for within the width of the terminal, and loses no word of it', () => {
    const below = (width?: number) => {
      const text = textDrawing(drawn(topologyFor({ types, delay: 'ladder', profile: 'classic' }), true), width);
      return text.slice(text.indexOf(' ╔═╗ exchange   '));
    };
    const words = (text: string) => text.split(/\s+/);
    expect(below()).toMatch(/^.{90,}$/m);
    for (const width of [80, 60, 1]) {
      const lines = below(width).split('\n').slice(4);
      expect(lines.filter((line) => line.length > Math.max(width, 60))).toEqual([]);
      expect(words(below(width))).toEqual(words(below()));
    }
    expect(
      below(80)
        .split('\n')
        .filter((line) => line.length > 80),
    ).toEqual([]);
  });

  it('says inside a box who consumes it, rather than cut names, where the terminal is narrow', () => {
    const topology = topologyFor({ types, delay: 'ladder', profile: 'classic' });
    const narrow = textDrawing(drawn(topology, false), 80);
    expect(narrow).toContain('│ ──► web-search-worker ');
    expect(narrow).toContain(' warren commands ──►║ tasks ');
    expect(textDrawing(drawn(topology, false), 100)).toMatch(/tasks\.web-search +├──► web-search-worker/);
  });

  it('keeps the two ends of a line apart from what is cut', () => {
    const long = [typeOf(`a${'b'.repeat(63)}`)];
    const topology = topologyFor({ types: long, delay: 'ladder', profile: 'classic' });
    const text = textDrawing(drawingOf(topology, serviceRoles(topology, long), { full: false }));
    expect(text).toMatch(/║ tasks .*─ ab+….* ─*► │ tasks\.ab+… ├──► ab+…$/m);
  });
});

describe('the Mermaid flowchart', () => {
  it.each(delayMechanisms.flatMap((delay) => [false, true].map((full) => ({ delay, full }))))(
    'of %p joins only what it declares, each once',
    ({ delay, full }) => {
      const topology = topologyFor({ types, delay, profile: 'classic' });
      const { declared, edges } = parsed(mermaidDrawing(drawn(topology, full)));
      expect(new Set(declared).size).toBe(declared.length);
      expect(new Set(edges.map((edge) => edge.join(' '))).size).toBe(edges.length);
      for (const [from, , to] of edges) expect(declared).toEqual(expect.arrayContaining([from, to]));
      const joined = new Set(edges.flatMap(([from, , to]) => [from, to]));
      const apart = declared.filter((id) => !joined.has(id) && !id.startsWith('queues_delay'));
      expect(apart).toEqual([]);
    },
  );

  it.each(delayMechanisms)('draws every binding, dead letter and alternate exchange with delay by %s', (delay) => {
    const topology = topologyFor({ types, delay, profile: 'classic' });
    const { edges } = parsed(mermaidDrawing(drawn(topology, true)));
    const routed = edges.filter(([, label]) => label !== '' && !/^(expired|no binding|a queue of its own)/.test(label));
    const letters = edges.filter(([, label]) => label.startsWith('expired'));
    const alternates = edges.filter(([, label]) => label === 'no binding');
    const having = (argument: string, things: readonly { arguments: object }[]) =>
      things.filter((thing) => argument in thing.arguments).length;
    expect(routed).toHaveLength(topology.bindings.length);
    expect(letters).toHaveLength(having('x-dead-letter-exchange', topology.queues));
    expect(alternates).toHaveLength(having('alternate-exchange', topology.exchanges));
  });
});

/** Its nodes and subgraphs, and its arrows as from, label, to. */
function parsed(chart: string): { declared: string[]; edges: [string, string, string][] } {
  const declared: string[] = [];
  const edges: [string, string, string][] = [];
  for (const line of chart.split('\n').slice(1)) {
    const edge = /^ *(\w+) (?:-->|-- "(.*)" -->|-\. "(.*)" \.->) (\w+)$/.exec(line);
    const node = /^ *(?:subgraph )?(\w+)(?:\(\["[^"]+"\]\)|\{\{"[^"]+"\}\}|\[\("[^"]+"\)\]|\["[^"]+"\])$/.exec(line);
    if (edge) edges.push([edge[1] ?? '', edge[2] ?? edge[3] ?? '', edge[4] ?? '']);
    else if (node) declared.push(node[1] ?? '');
    else expect(line.trim()).toBe('end');
  }
  return { declared, edges };
}

function drawn(topology: Topology, full: boolean): Drawing {
  return drawingOf(topology, serviceRoles(topology, types), { full });
}

function typeOf(name: string): TaskType {
  const policy = { ...defaultPolicy, queueTtlMs: 9_000_000 };
  return { name, summary: name, input: z.unknown(), result: z.unknown(), policy };
}

const expectedPicture = `
                    ╔════════════╗                  ┌─────────────────────────┐
 any AMQP client ──►║ submit     ╟─── # ──────────► │ submitted               ├──► producer
 warren commands ──►║ topic      ║                  │ classic                 │
                    ╚════════════╝                  │ at most 10,000 messages │
                                                    │ full: nack to sender    │
                                                    │ expired ┄► dead         │
                                                    │ as _submitted.broker    │
                                                    └─────────────────────────┘

                    ╔════════════╗                  ┌─────────────────────────┐
 warren commands ──►║ tasks      ╟─┬─ echo.* ─────► │ tasks.echo              ├──► echo-worker
 producer ─────────►║ topic      ║ │                │ classic, priorities 0-9 │
 echo-worker ──────►║            ║ │                │ TTL 2.5 h (policy)      │
 dlq-processor ────►║            ║ │                │ expired ┄► dead         │
 ║ delayed ║ ──────►║            ║ │                │ as echo.broker          │
                    ╚════════════╝ │                └─────────────────────────┘
                                   └┄ no binding ┄► ║ unroutable ║

                    ╔═══════════════════╗
 warren commands ──►║ delayed           ╟─── (any) ──────► ║ tasks ║
 producer ─────────►║ x-delayed-message ║
 echo-worker ──────►║   (fanout)        ║
 dlq-processor ────►║                   ║
                    ╚═══════════════════╝

                    ╔════════════╗                  ┌─────────────────────────┐
 echo-worker ──────►║ dead       ╟─── # ──────────► │ dead-letters            ├──► dlq-processor
 dlq-processor ────►║ topic      ║                  │ classic                 │
 expired ┄┄┄┄┄┄┄┄┄┄►║            ║                  └─────────────────────────┘
                    ╚════════════╝

                    ╔════════════╗                  ┌─────────────────────────┐
 no binding ┄┄┄┄┄┄┄►║ unroutable ╟─── (any) ──────► │ unroutable              ├──► dlq-processor
                    ║ fanout     ║                  │ classic                 │
                    ╚════════════╝                  └─────────────────────────┘

                    ╔═══════════════════╗
 producer ─────────►║ events            ╟─── as it asks ─► a queue of its own ──► warren commands
 echo-worker ──────►║ topic             ║
 dlq-processor ────►║                   ║
                    ╚═══════════════════╝
`;
