import { expect, it } from '@jest/globals';
import { TopologyConflictError } from './apply-conflict.js';

it.each([
  [
    false,
    'management UI ("warren broker ui" says where that is), or on its host with `rabbitmqctl delete_queue --vhost work tasks.echo`',
  ],
  // Of another node name and cookie than the system's own, which rabbitmqctl would look for.
  [true, 'management UI ("warren broker ui" says where that is), then apply again'],
])('a conflict on a private node: %s, says how to delete what is in the way there', (isPrivate, expected) => {
  const wanted = { name: 'tasks.echo', arguments: {}, purpose: 'for a test' };
  const found = [{ argument: 'x-max-priority', wanted: 9, current: 3 }];
  const error = new TopologyConflictError({ kind: 'queue', wanted }, { vhost: 'work', isPrivate }, found, '');
  expect(error.message).toBe(
    'queue "tasks.echo" in vhost "work" exists with other settings, which the broker can\'t change: x-max-priority should be 9 but is 3',
  );
  expect(error.next).toContain(expected);
  expect(error.next.includes('rabbitmqctl')).toBe(!isPrivate);
});
