import { describe, expect, it } from '@jest/globals';
import { priorityClasses } from '@warren/tasks';
import fc from 'fast-check';
import { queueNames } from './names.js';
import { queueNameOf, readQueueName, rolePattern, typeOfRole } from './queue-name.js';

const typeRole = fc.stringMatching(/^tasks\.[a-z][a-z0-9-]{0,20}$/);
const role = fc.oneof(typeRole, fc.constantFrom(...Object.values(queueNames)));
const generation = fc.integer({ min: 1, max: 999_999_999 });
const lane = fc.constantFrom(...priorityClasses, null);

describe('the name of a queue', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(typeRole, lane, generation, (given, itsLane, number) => {
        const name = { role: given, lane: itsLane, generation: number };
        expect(readQueueName(queueNameOf(name))).toEqual(name);
      }),
    );
    fc.assert(
      fc.property(role, generation, (given, number) => {
        const name = { role: given, lane: null, generation: number };
        expect(readQueueName(queueNameOf(name))).toEqual(name);
      }),
    );
  });

  it.each([
    ['tasks.echo', { role: 'tasks.echo', lane: null, generation: 1 }],
    ['tasks.echo.g2', { role: 'tasks.echo', lane: null, generation: 2 }],
    ['tasks.web-search.high.g12', { role: 'tasks.web-search', lane: 'high', generation: 12 }],
    ['dead-letters', { role: 'dead-letters', lane: null, generation: 1 }],
    ['submitted.g3', { role: 'submitted', lane: null, generation: 3 }],
  ])('%s says what it is', (name, read) => {
    expect(readQueueName(name)).toEqual(read);
  });

  it.each([
    '',
    'tasks',
    'tasks.',
    'tasks.echo.g1',
    'tasks.echo.g02',
    'tasks.echo.urgent',
    'tasks.echo.high.low',
    'orders',
  ])('%p is none of ours', (name) => {
    expect(readQueueName(name)).toBeUndefined();
  });

  it("is matched by the pattern of its role, and by no other role's", () => {
    const pattern = new RegExp(rolePattern('tasks.echo'));
    const ours = ['tasks.echo', 'tasks.echo.high', 'tasks.echo.g2', 'tasks.echo.low.g3'];
    const others = ['tasks.echo2', 'tasksXecho', 'tasks.echo.urgent', 'x.tasks.echo', 'tasks.echo-more.high'];
    expect(ours.filter((name) => pattern.test(name))).toEqual(ours);
    expect(others.filter((name) => pattern.test(name))).toEqual([]);
  });

  it('knows the type of a role', () => {
    expect([typeOfRole('tasks.echo'), typeOfRole('dead-letters')]).toEqual(['echo', undefined]);
  });
});
