import { describe, expect, it } from '@jest/globals';
import type { Letter, Task } from '@warren/ledger';
import type { TaskState } from '@warren/tasks';
import { receivedLetter } from '../../../../tests/fixtures/letter.js';
import { newTask } from '../../../../tests/fixtures/task.js';
import { countDemo, countLine } from './demo-count.js';

function task(state: TaskState, attempt = 1): Task {
  return newTask('task', { state, attempt });
}

function letter(state: Letter['state']): Letter {
  return { ...receivedLetter(), state };
}

describe('countDemo', () => {
  it('counts what completed, what took several attempts and what waits for a person', () => {
    const count = countDemo([task('completed'), task('completed', 3), task('parked')], [letter('parked')]);
    expect(countLine(count)).toBe('demo: submitted=4 completed=2 retried=1 parked=2 lost=0');
  });

  it('calls lost what is unknown, unfinished, or a message that nobody kept', () => {
    const count = countDemo([undefined, task('queued'), task('dead-lettered')], [undefined, letter('received')]);
    expect(countLine(count)).toBe('demo: submitted=5 completed=0 retried=0 parked=0 lost=5');
  });
});
