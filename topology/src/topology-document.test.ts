import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { headers, taskTypes } from '@warren/tasks';
import { markdownTable, prose } from './markdown-table.js';
import { delayMechanisms, queueProfiles } from './model.js';
import { topologyFor } from './topology.js';
import { documentCommand, topologyDocument } from './topology-document.js';

const file = fileURLToPath(new URL('../../docs/topology.md', import.meta.url));

describe('docs/topology.md', () => {
  it(`is what the code says; where it is not, run: npm run build && ${documentCommand}`, () => {
    expect(readFileSync(file, 'utf8')).toBe(topologyDocument(taskTypes));
  });

  it('names the command that writes it', () => {
    expect(readFileSync(file, 'utf8').split('\n')[0]).toContain(documentCommand);
  });
});

describe('the document', () => {
  const text = topologyDocument(taskTypes);
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  const hasRow = (...parts: readonly string[]) => rows.some((row) => parts.every((part) => row.includes(part)));

  it.each(queueProfiles.flatMap((profile) => delayMechanisms.map((delay) => ({ profile, delay }))))(
    'tells of all that the broker holds with %p',
    ({ profile, delay }) => {
      const { exchanges, queues, bindings, policies } = topologyFor({ types: taskTypes, delay, profile });
      const missing = [
        ...exchanges.filter(({ name, purpose, ladder }) => !hasRow(`| \`${name}\``, ladder ? '' : prose(purpose))),
        ...queues.filter(({ name, purpose, ladder }) => !hasRow(`| \`${name}\``, ladder ? '' : purpose)),
        ...queues.filter(
          ({ name, arguments: { 'x-message-ttl': ttl } }) => ttl !== undefined && !hasRow(`\`${name}\``, `| ${ttl} `),
        ),
        ...bindings.filter(
          ({ source, routingKey }) => !hasRow(`| \`${source}\``, routingKey === '' ? '(any)' : `\`${routingKey}\``),
        ),
        ...policies.filter(
          ({ name, definition }) => !hasRow(`\`${name}\``, `message-ttl=${definition['message-ttl']}`),
        ),
      ];
      expect(missing).toEqual([]);
    },
  );

  it('names every header', () => {
    expect([...Object.values(headers), 'x-delay'].filter((name) => !hasRow(`| \`${name}\` `))).toEqual([]);
  });
});

describe('a table', () => {
  it('is aligned', () => {
    expect(markdownTable(['a', 'long'], [['wide cell', 'b'], ['c']])).toBe(
      ['| a         | long |', '| --------- | ---- |', '| wide cell | b    |', '| c         |      |'].join('\n'),
    );
  });

  it('shows what prose has in angle brackets, and no cell ends at a bar', () => {
    expect(prose('by <type>.<class>. a|b')).toBe('by `<type>.<class>`. a\\|b');
  });
});
