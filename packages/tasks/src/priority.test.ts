import { describe, expect, it } from '@jest/globals';
import { classOf, classPriority, maxPriority, priorityClasses } from './priority.js';

describe('priority classes', () => {
  it('share the priorities among them', () => {
    const classes = Array.from({ length: maxPriority + 1 }, (_, priority) => classOf(priority));
    expect(classes.join(' ')).toBe('low low low low normal normal normal high high high');
  });

  it('stand for a priority of their own', () => {
    expect(priorityClasses.map((name) => classOf(classPriority[name]))).toEqual(priorityClasses);
  });
});
