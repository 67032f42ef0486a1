import type { TaskType } from '@warren/tasks';
import type { Topology } from './model.js';
import { exchangeNames, queueNames, workQueue } from './names.js';
import { readQueueName } from './queue-name.js';

/** Who publishes to and consumes from a topology: what a picture of it shows at its edges. */
export interface ServiceRole {
  readonly name: string;
  /** `outside`: no process of Warren's. `worker`: one service a task type, all alike. */
  readonly kind: 'outside' | 'command' | 'service' | 'worker';
  /** Exchanges, by name. */
  readonly publishes: readonly string[];
  /** Queues, by name. */
  readonly consumes: readonly string[];
  /** Exchanges to which it binds a queue of its own that lives as long as its connection. */
  readonly listens: readonly string[];
  /** The one task type that its messages are about; undefined: any. */
  readonly type?: string;
  /** Sends replies, through the default exchange, to the queues that submitters named. */
  readonly replies?: boolean;
  /** Has replies sent to a queue of its own that lives as long as its connection. */
  readonly awaitsReplies?: boolean;
  /** Asks every work queue, of whatever type, how many messages wait in it, and takes none. */
  readonly looksAtWork?: boolean;
  readonly purpose: string;
}

/** The roles around a topology, in the order of a task's way. Replies go to the sender's own queue and are no part of it. */
export function serviceRoles(topology: Topology, types: readonly TaskType[]): readonly ServiceRole[] {
  const { submit, tasks, dead, events } = exchangeNames;
  const dispatched = [tasks, ...delayEntrances(topology)];
  const inRole = (...roles: readonly string[]) =>
    topology.queues.map(({ name }) => name).filter((name) => roles.includes(readQueueName(name)?.role ?? ''));
  return [
    {
      name: 'any AMQP client',
      kind: 'outside',
      publishes: [submit],
      consumes: [],
      listens: [],
      awaitsReplies: true,
      purpose: 'Submits tasks from any language.',
    },
    {
      name: 'warren commands',
      kind: 'command',
      publishes: [submit, ...dispatched],
      consumes: [],
      listens: [events],
      replies: true,
      purpose: 'Submit, watch, cancel and replay tasks from the command line.',
    },
    {
      name: 'producer',
      kind: 'service',
      publishes: [...dispatched, events],
      consumes: inRole(queueNames.submitted),
      listens: [],
      purpose: 'Takes submissions of other languages in: checks, records and publishes them.',
    },
    ...types.map(({ name }): ServiceRole => {
      return {
        name: `${name}-worker`,
        kind: 'worker',
        // To `tasks` where a message is put back whose wait turns out to be over.
        publishes: [dead, ...dispatched, events],
        consumes: inRole(workQueue(name)),
        listens: [],
        type: name,
        replies: true,
        purpose: `Works tasks of type ${name}.`,
      };
    }),
    {
      name: 'dlq-processor',
      kind: 'service',
      // To `dead` and `tasks` for the sweeper, which publishes what is still owed.
      publishes: [...dispatched, dead, events],
      consumes: inRole(queueNames.deadLetters, queueNames.unroutable),
      listens: [],
      replies: true,
      looksAtWork: true,
      purpose:
        'Decides what becomes of failed tasks: tried again later, or parked for a person. Publishes what is owed.',
    },
  ];
}

/** Where a message that is not due yet enters: the plugin's exchange, or any level of the ladder. */
function delayEntrances({ exchanges, queues }: Topology): string[] {
  const levels = queues.filter(({ ladder }) => ladder !== undefined).map(({ name }) => name);
  return exchanges
    .filter(({ name, type }) => type === 'x-delayed-message' || levels.includes(name))
    .map(({ name }) => name);
}
