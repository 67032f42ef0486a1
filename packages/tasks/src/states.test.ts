import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { finalStates, isFinal, openStates, type TaskState, taskStates, transitions } from './states.js';

function reachableFrom(starts: readonly TaskState[]): Set<TaskState> {
  const reached = new Set(starts);
  for (const state of reached) for (const { to } of transitions[state]) reached.add(to);
  return reached;
}

describe('the states of a task', () => {
  it('begin with intake, and all are reached from there but the one that no feature leads to yet', () => {
    const reached = reachableFrom(['accepted', 'scheduled']);
    expect(taskStates.filter((state) => !reached.has(state))).toEqual(['discarded']);
  });

  it('end: whatever is open can still be completed, and cancelled at once', () => {
    for (const state of openStates) {
      expect(reachableFrom([state])).toContain('completed');
      expect(transitions[state].map(({ to }) => to)).toContain('cancelled');
    }
  });

  it('are left by nothing once they are final', () => {
    expect(finalStates.flatMap((state) => transitions[state])).toEqual([]);
    expect(taskStates.filter(isFinal)).toEqual(finalStates);
  });

  it('name each way once', () => {
    for (const state of taskStates) {
      const ways = transitions[state].map(({ to }) => to);
      expect(new Set(ways).size).toBe(ways.length);
      expect(transitions[state].every(({ by }) => by !== '')).toBe(true);
    }
  });
});

describe('the diagram in docs/task-lifecycle.md', () => {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../../docs/task-lifecycle.md'), 'utf8');
  const diagram = /```mermaid\nstateDiagram-v2\n(.*?)```/s.exec(page)?.[1] ?? '';
  const lines = diagram.split('\n').map((line) => line.trim());
  /** Mermaid takes no hyphens in a state's id. */
  const names = new Map(
    lines.flatMap((line) => {
      const [, name = '', alias = ''] = /^state "(.+)" as (\w+)$/.exec(line) ?? [];
      return alias === '' ? [] : [[alias, name] as const];
    }),
  );
  const arrows = lines.flatMap((line) => {
    const [arrow, from = '', to = '', label = ''] = /^(\S+) --> (\S+)(?: : (.+))?$/.exec(line) ?? [];
    return arrow === undefined ? [] : [{ from: names.get(from) ?? from, to: names.get(to) ?? to, label }];
  });

  it('shows every transition there is, with its event, and no other', () => {
    const shown = arrows.filter(({ from, to }) => from !== '[*]' && to !== '[*]');
    const table = taskStates.flatMap((from) => transitions[from].map(({ to, by }) => ({ from, to, label: by })));
    const inOrder = (ways: typeof shown) => ways.map(({ from, to, label }) => `${from} -> ${to}: ${label}`).toSorted();
    expect(inOrder(shown)).toEqual(inOrder(table));
  });

  it('begins with intake and ends with the final states', () => {
    expect(arrows.filter(({ from }) => from === '[*]').map(({ to }) => to)).toEqual(['accepted', 'scheduled']);
    expect(arrows.filter(({ to }) => to === '[*]').map(({ from }) => from)).toEqual(finalStates);
  });

  it('holds nothing that this test does not read', () => {
    const unread = lines.filter((line) => line !== '' && !line.includes(' --> ') && !line.startsWith('state "'));
    expect(unread).toEqual([]);
  });
});
