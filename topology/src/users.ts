import { priorityClasses, type TaskType } from '@warren/tasks';
import type { Topology } from './model.js';
import { exchangeNames, queueNames } from './names.js';
import { readQueueName, rolePattern } from './queue-name.js';
import { type ServiceRole, serviceRoles } from './service-roles.js';

/** What a user may do with exchanges and queues: regular expressions over their names, as the broker reads them. */
export interface Permissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** Of one topic exchange: regular expressions over routing keys. Where a user has none, every key is theirs. */
export interface TopicPermission {
  readonly exchange: string;
  readonly write: string;
  readonly read: string;
}

/** Lets a user into the management API: to look, or to set policies too. */
export type UserTag = 'management' | 'policymaker';

export interface BrokerUser {
  /** What its name on the broker ends with, and what its password is looked up by. */
  readonly role: string;
  readonly tags: readonly UserTag[];
  readonly permissions: Permissions;
  readonly topicPermissions: readonly TopicPermission[];
  readonly purpose: string;
}

/** Matches no name. */
const nothing = '^$';

/** The name by which the broker's permissions call the default exchange, which leads to any queue by its name. */
const defaultExchange = 'amq.default';

/** Queues that the broker names itself: those of listeners, and those that wait for replies. */
const ownQueue = 'amq\\.gen-.*';

const anyWorkRole = 'tasks\\.[a-z][a-z0-9-]*';
const laneAndGeneration = rolePattern('').slice(1, -1);

/** By which a client finds out whether the broker has the delayed-message plugin. */
export const probePrefix = 'x-delay-probe.';

/**
 * One user a service, each with what its role in the topology needs and nothing else. The broker decides by names, so a
 * new task type, another delay or another ladder asks for users to be applied again; a new generation of a queue, another
 * profile or more workers do not.
 */
export function brokerUsers(topology: Topology, types: readonly TaskType[]): readonly BrokerUser[] {
  return [topologyUser, ...serviceRoles(topology, types).map((role) => userOf(role, topology))];
}

/** Any queue, exchange and ladder that is or ever was Warren's, so that old ones can be taken away. */
const topologyUser: BrokerUser = {
  role: 'topology',
  tags: ['policymaker'],
  permissions: allThree(
    anyOf([
      ...Object.values(exchangeNames).map(escaped),
      `(${[...Object.values(queueNames).map(escaped), anyWorkRole].join('|')})${laneAndGeneration}`,
      'delay\\.[0-9]+ms-x[0-9]+\\..*',
      `${escaped(probePrefix)}.*`,
    ]),
  ),
  topicPermissions: [],
  purpose: 'Declares exchanges, queues, bindings and policies: "topology apply".',
};

function userOf(role: ServiceRole, topology: Topology): BrokerUser {
  const hasQueues = role.listens.length > 0 || role.awaitsReplies === true;
  return {
    role: userNames[role.kind] ?? role.name,
    tags: role.kind === 'command' ? ['management'] : [],
    permissions: {
      configure: anyOf(hasQueues ? [ownQueue] : []),
      write: anyOf([
        ...publishedTo(role, topology),
        // To bind it.
        ...(role.listens.length > 0 ? [ownQueue] : []),
        // To be told a queue's length takes any one of the three, from RabbitMQ 4.2.7 and 4.3.1 on; this one is of no other use.
        ...(role.looksAtWork === true ? [`${anyWorkRole}${laneAndGeneration}`] : []),
        ...(role.replies === true ? [escaped(defaultExchange)] : []),
      ]),
      read: anyOf([
        ...consumedRoles(role).map(queuesOf),
        ...role.listens.map(escaped),
        ...(hasQueues ? [ownQueue] : []),
      ]),
    },
    topicPermissions: role.type === undefined ? [] : topicsOf(role.type, role, topology),
    purpose: role.purpose,
  };
}

/** What is no single service has a name that says little on a broker. */
const userNames: Partial<Record<ServiceRole['kind'], string>> = { outside: 'client', command: 'cli' };

/** Patterns for the exchanges; the levels of a ladder are one. */
function publishedTo({ publishes }: ServiceRole, { exchanges }: Topology): string[] {
  const patterns = publishes.map((name) => {
    const ladder = exchanges.find((exchange) => exchange.name === name)?.ladder;
    return ladder === undefined ? escaped(name) : `${escaped(ladder)}\\.level-[0-9]+`;
  });
  return [...new Set(patterns)];
}

/** Roles, not queues: a queue's next generation has another name. */
function consumedRoles({ consumes }: ServiceRole): string[] {
  return [...new Set(consumes.map((queue) => readQueueName(queue)?.role ?? queue))];
}

/** Messages of its own type alone. An exchange that is no topic (the plugin's) has no such permissions: there any key passes. */
function topicsOf(type: string, { publishes }: ServiceRole, { exchanges }: Topology): TopicPermission[] {
  const key = `${type}\\.(${priorityClasses.join('|')})`;
  return exchanges
    .filter((exchange) => exchange.type === 'topic' && publishes.includes(exchange.name))
    .map(({ name, ladder }) => ({ exchange: name, write: keysOn(name, ladder, { type, key }), read: nothing }));
}

function keysOn(exchange: string, ladder: string | undefined, { type, key }: { type: string; key: string }): string {
  if (exchange === exchangeNames.events) return `^${type}\\.`;
  return ladder === undefined ? `^${key}$` : `^([01]\\.)+${key}$`;
}

/** For people: the levels of a ladder have the same keys, so they are told as one. */
export function foldedTopics(permissions: readonly TopicPermission[]): readonly TopicPermission[] {
  const told = permissions.map((one) => ({ ...one, exchange: one.exchange.replace(/\.level-\d+$/, '.level-*') }));
  return [...new Map(told.map((one) => [one.exchange, one])).values()];
}

/** Of every lane and generation. */
function queuesOf(role: string): string {
  return rolePattern(role).slice(1, -1);
}

function anyOf(patterns: readonly string[]): string {
  const [first, ...others] = patterns;
  if (first === undefined) return nothing;
  return others.length === 0 ? `^${first}$` : `^(${patterns.join('|')})$`;
}

function allThree(pattern: string): Permissions {
  return { configure: pattern, write: pattern, read: pattern };
}

function escaped(name: string): string {
  return name.replaceAll('.', '\\.');
}
