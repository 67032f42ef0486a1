import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { taskTypes } from '@warren/tasks';
import { bootFile, bootFileCommand, bootVhost, definitionsOf, definitionsText } from './definitions.js';
import { delayMechanisms, queueProfiles } from './model.js';
import { topologyFor } from './topology.js';

const variants = queueProfiles.flatMap((profile) => delayMechanisms.map((delay) => ({ profile, delay })));

describe.each(variants)('the definitions of %p', ({ profile, delay }) => {
  const topology = topologyFor({ types: taskTypes, delay, profile });
  const definitions = definitionsOf(topology, 'over there');

  it(`stand in the repository as the code says; where not, run: npm run build && ${bootFileCommand(profile, delay)}`, () => {
    const file = fileURLToPath(new URL(`../../${bootFile(profile, delay)}`, import.meta.url));
    expect(readFileSync(file, 'utf8')).toBe(definitionsText(definitionsOf(topology, bootVhost)));
  });

  it('have all of it, each thing in the virtual host', () => {
    const { vhosts, ...things } = definitions;
    expect(vhosts).toEqual([{ name: 'over there' }]);
    for (const kind of ['exchanges', 'queues', 'bindings', 'policies'] as const) {
      expect(things[kind]).toHaveLength(topology[kind].length);
      for (const thing of things[kind]) expect(thing).toMatchObject({ vhost: 'over there' });
    }
  });

  it('are JSON whose first line is the opening brace, and nothing of users', () => {
    const text = definitionsText(definitions);
    expect(JSON.parse(text)).toEqual(definitions);
    expect(text.split('\n')[0]).toBe('{');
    expect(Object.keys(definitions)).toEqual(['vhosts', 'policies', 'exchanges', 'queues', 'bindings']);
  });
});
