import { describe, expect, it } from '@jest/globals';
import { type TaskEventBody, taskEventBody } from '@warren/broker';
import { eventLine } from './event-line.js';

function body(event: TaskEventBody['event'], attempt = 1): TaskEventBody {
  return { task_id: 'x', type: 'summarize', event, attempt, at: 0 };
}

describe('eventLine', () => {
  it('tells of retries and ends', () => {
    expect(eventLine('a page', body('retry-scheduled', 2))).toBe('  a page: attempt 1 failed, attempt 2 is scheduled');
    expect(eventLine('a page', body('completed', 3))).toBe('  a page: completed on attempt 3');
    expect(eventLine('a file', body('completed'))).toBe('  a file: completed');
    expect(eventLine('a file', body('parked'))).toBe('  a file: parked');
  });

  it('is silent about everything else', () => {
    const told = taskEventBody.shape.event.options.filter((event) => eventLine('a', body(event)) !== undefined);
    expect(told.toSorted()).toEqual(['cancelled', 'completed', 'discarded', 'parked', 'retry-scheduled']);
  });
});
