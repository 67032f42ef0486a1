import { describe, expect, it } from '@jest/globals';
import { firstQueues, serviceOrder, weightOf } from './lanes.js';

const lanes = ['tasks.echo.high', 'tasks.echo.normal', 'tasks.echo.low'];

describe('the queues of a role', () => {
  it('are one, or one a class for the work of a type on quorum queues', () => {
    expect(firstQueues('tasks.echo', 'classic')).toEqual(['tasks.echo']);
    expect(firstQueues('tasks.echo', 'quorum')).toEqual(lanes);
    expect(firstQueues('tasks.echo', 'quorum', 'strict')).toEqual(['tasks.echo']);
    expect(firstQueues('dead-letters', 'quorum')).toEqual(['dead-letters']);
  });

  it('have the weight of their class, in whatever generation', () => {
    expect([...lanes, 'tasks.echo', 'tasks.echo.high.g2'].map(weightOf)).toEqual([6, 3, 1, 3, 6]);
  });
});

it.each([
  [['tasks.echo'], 'priority'],
  [['tasks.echo.g2'], 'priority'],
  [lanes, 'lane'],
  [['tasks.echo', 'tasks.echo.g2'], 'none'],
  [['tasks.echo', ...lanes], 'none'],
  [[...lanes, 'tasks.echo.low.g2'], 'none'],
] as const)('%j are served by %s', (queues, order) => {
  expect(serviceOrder(queues)).toBe(order);
});
