import { describe, expect, it } from '@jest/globals';
import { defaultPolicy, type TaskType } from '@warren/tasks';
import { z } from 'zod';
import { dotDrawing } from './dot-drawing.js';
import { type Drawing, drawingOf } from './drawing.js';
import { delayMechanisms, queueProfiles, type Topology } from './model.js';
import { serviceRoles } from './service-roles.js';
import { svgDrawing } from './svg-drawing.js';
import { topologyFor } from './topology.js';

const types = [typeOf('echo'), typeOf('web-search')];
const variants = queueProfiles.flatMap((profile) => delayMechanisms.map((delay) => ({ profile, delay })));

describe.each(variants)('the digraph of %p', ({ profile, delay }) => {
  const topology = topologyFor({ types, delay, profile });

  it.each([false, true])('joins only what it declares, and leaves nothing apart (full: %p)', (full) => {
    const { declared, edges } = parsed(dotDrawing(drawn(topology, full), 'title'));
    expect(new Set(declared).size).toBe(declared.length);
    for (const [from, to] of edges) expect(declared).toEqual(expect.arrayContaining([from, to]));
    const joined = new Set(edges.flatMap((edge) => edge.slice(0, 2)));
    expect(declared.filter((id) => !joined.has(id))).toEqual([]);
  });

  it('has every binding and dead letter, and for people every queue', async () => {
    const dot = dotDrawing(drawn(topology, true), 'title');
    const having = (kind: string) => parsed(dot).edges.filter(([, , look]) => look.includes(`class="${kind}`));
    const letters = topology.queues.filter((queue) => 'x-dead-letter-exchange' in queue.arguments);
    const listeners = 1;
    expect(having('route')).toHaveLength(topology.bindings.length + listeners);
    expect(having('broker').filter(([, , look]) => look.includes('expired'))).toHaveLength(letters.length);
    const svg = (await svgDrawing(dot)).replaceAll('&#45;', '-');
    const unseen = topology.queues.filter(({ name }) => !svg.includes(`>${name}</text>`));
    expect(unseen).toEqual([]);
  });
});

it('takes any title', async () => {
  const plugin = topologyFor({ types, delay: 'plugin', profile: 'classic' });
  const svg = await svgDrawing(dotDrawing(drawn(plugin, false), 'What "vhost <b>&amp;\\n" has'));
  expect(svg).toContain('>What &quot;vhost &lt;b&gt;&amp;amp;\\n&quot; has</text>');
});

describe('the SVG', () => {
  const topology = topologyFor({ types, delay: 'ladder', profile: 'classic' });
  const svg = svgDrawing(dotDrawing(drawn(topology, false), 'title'));

  it('has for each of its colours another one where the page is dark', async () => {
    const [, rules = '', picture = ''] =
      /@media \(prefers-color-scheme: dark\) \{(.*?)<\/style>(.*)$/s.exec(await svg) ?? [];
    const colours = new Set(picture.match(/(?:fill|stroke)="#[0-9a-f]{6}"/g));
    expect(colours.size).toBeGreaterThan(8);
    for (const colour of colours) {
      const [, other] = new RegExp(`\\[${colour}\\] \\{ \\w+: (#[0-9a-f]{6}) \\}`).exec(rules) ?? [];
      expect({ colour, other }).toMatchObject({ other: expect.stringMatching(/^#/) });
      expect(colour).not.toContain(other);
    }
    // Text without a colour of its own would stay black.
    expect(picture.match(/<text(?![^>]* fill=)/g)).toBeNull();
  });

  it('is the same each time', async () => {
    expect(await svgDrawing(dotDrawing(drawn(topology, false), 'title'))).toBe(await svg);
  });
});

/** Its nodes, and its edges as from, to, attributes. */
function parsed(dot: string): { declared: string[]; edges: [string, string, string][] } {
  const declared: string[] = [];
  const edges: [string, string, string][] = [];
  for (const line of dot.split('\n')) {
    const [, from = '', to = '', look = ''] = /^ *("[^"]+") -> ("[^"]+") \[(.*)\]$/.exec(line) ?? [];
    const [, node] = /^ *("[^"]+") \[label=/.exec(line) ?? [];
    if (from !== '') edges.push([from, to, look]);
    else if (node !== undefined) declared.push(node);
  }
  return { declared, edges };
}

function drawn(topology: Topology, full: boolean): Drawing {
  return drawingOf(topology, serviceRoles(topology, types), { full });
}

function typeOf(name: string): TaskType {
  return { name, summary: name, input: z.unknown(), result: z.unknown(), policy: defaultPolicy };
}
