import type { Policy } from '@warren/topology';
import { z } from 'zod';
import {
  type BindingInfo,
  bindingInfo,
  type ChannelInfo,
  type ConnectionInfo,
  type ConsumerInfo,
  channelInfo,
  connectionInfo,
  consumerInfo,
  type ExchangeInfo,
  exchangeInfo,
  featureInfo,
  type NodeInfo,
  nodeInfo,
  type Overview,
  overview,
  type PermissionInfo,
  type PolicyInfo,
  permissionInfo,
  policyInfo,
  type QueueDeclared,
  type QueueInfo,
  queueDeclared,
  queueInfo,
  queuePolicy,
  vhostInfo,
  type Whoami,
  whoami,
} from './management-answers.js';
import { type ManagementAddress, ManagementError, request, serverClock } from './management-request.js';

/**
 * The part of RabbitMQ's management HTTP API that Warren uses. Every call rejects with a {@link ManagementError}.
 * Reading one thing that does not exist gives `undefined`; removing it is no error.
 */
export interface ManagementClient {
  overview(): Promise<Overview>;
  /** The names of the virtual hosts that the user may see. */
  vhosts(): Promise<string[]>;
  /** Creates it where it is missing; the user gets all permissions on it. */
  putVhost(vhost: string): Promise<void>;
  /** Removes it with everything in it. */
  deleteVhost(vhost: string): Promise<void>;
  policies(vhost: string): Promise<PolicyInfo[]>;
  /** Creates or replaces. */
  putPolicy(vhost: string, policy: Policy): Promise<void>;
  deletePolicy(vhost: string, name: string): Promise<void>;
  queues(vhost: string): Promise<QueueInfo[]>;
  queue(vhost: string, name: string): Promise<QueueInfo | undefined>;
  /** Each queue that a policy applies to, with the name of that one policy. As it is now, not a statistic. */
  policyByQueue(vhost: string): Promise<ReadonlyMap<string, string>>;
  exchanges(vhost: string): Promise<ExchangeInfo[]>;
  exchange(vhost: string, name: string): Promise<ExchangeInfo | undefined>;
  bindings(vhost: string): Promise<BindingInfo[]>;
  /** Every queue as it was declared. As it is now, not a statistic. */
  declaredQueues(vhost: string): Promise<QueueDeclared[]>;
  operatorPolicies(vhost: string): Promise<PolicyInfo[]>;
  /** The user who asks. */
  whoami(): Promise<Whoami>;
  /** The broker's clock, in epoch milliseconds: in whole seconds, cut off. */
  clock(): Promise<number>;
  /** Needs the tag `monitoring`, as the next three do to tell of more than the user's own. */
  nodes(): Promise<NodeInfo[]>;
  connections(vhost: string): Promise<ConnectionInfo[]>;
  channels(vhost: string): Promise<ChannelInfo[]>;
  consumers(vhost: string): Promise<ConsumerInfo[]>;
  /** In every virtual host. Needs the tag `administrator`. */
  permissionsOf(user: string): Promise<PermissionInfo[]>;
  /** Names of the deprecated features in use in the cluster; undefined where the broker keeps no list (before 3.13). */
  deprecatedInUse(): Promise<string[] | undefined>;
}

export function managementClient(address: ManagementAddress): ManagementClient {
  const get = async <T>(path: string, answer: z.ZodType<T>) =>
    parsed(path, answer, await request(address, 'GET', path));
  const find = <T>(path: string, answer: z.ZodType<T>) => undefinedIfMissing(get(path, answer));
  const send = async (method: 'PUT' | 'DELETE', path: string, body?: unknown): Promise<void> => {
    await request(address, method, path, body);
  };
  return {
    overview: () => get('/api/overview', overview),
    vhosts: async () => (await get('/api/vhosts', z.array(vhostInfo))).map(({ name }) => name),
    putVhost: (vhost) => send('PUT', path`/api/vhosts/${vhost}`),
    deleteVhost: (vhost) => undefinedIfMissing(send('DELETE', path`/api/vhosts/${vhost}`)),
    policies: (vhost) => get(path`/api/policies/${vhost}`, z.array(policyInfo)),
    putPolicy: (vhost, { name, applyTo, ...policy }) =>
      send('PUT', path`/api/policies/${vhost}/${name}`, { ...policy, 'apply-to': applyTo }),
    deletePolicy: (vhost, name) => undefinedIfMissing(send('DELETE', path`/api/policies/${vhost}/${name}`)),
    queues: (vhost) => get(path`/api/queues/${vhost}`, z.array(queueInfo)),
    queue: (vhost, name) => find(path`/api/queues/${vhost}/${name}`, queueInfo),
    policyByQueue: async (vhost) => {
      const queues = await get(path`/api/queues/${vhost}?disable_stats=true`, z.array(queuePolicy));
      return new Map(queues.flatMap(({ name, policy }) => (policy === undefined ? [] : [[name, policy]])));
    },
    exchanges: (vhost) => get(path`/api/exchanges/${vhost}`, z.array(exchangeInfo)),
    exchange: (vhost, name) => find(path`/api/exchanges/${vhost}/${name}`, exchangeInfo),
    bindings: (vhost) => get(path`/api/bindings/${vhost}`, z.array(bindingInfo)),
    declaredQueues: (vhost) => get(path`/api/queues/${vhost}?disable_stats=true`, z.array(queueDeclared)),
    operatorPolicies: (vhost) => get(path`/api/operator-policies/${vhost}`, z.array(policyInfo)),
    whoami: () => get('/api/whoami', whoami),
    clock: () => serverClock(address, '/api/whoami'),
    nodes: () => get('/api/nodes', z.array(nodeInfo)),
    connections: (vhost) => get(path`/api/vhosts/${vhost}/connections`, z.array(connectionInfo)),
    channels: (vhost) => get(path`/api/vhosts/${vhost}/channels`, z.array(channelInfo)),
    consumers: (vhost) => get(path`/api/consumers/${vhost}`, z.array(consumerInfo)),
    permissionsOf: (user) => get(path`/api/users/${user}/permissions`, z.array(permissionInfo)),
    deprecatedInUse: async () =>
      (await find('/api/deprecated-features/used', z.array(featureInfo)))?.map(({ name }) => name),
  };
}

/** A path whose inserted names are escaped: a virtual host is often `/`. */
function path(parts: TemplateStringsArray, ...names: readonly string[]): string {
  return parts.reduce((text, part, index) => `${text}${encodeURIComponent(names[index - 1] ?? '')}${part}`);
}

function parsed<T>(path: string, answer: z.ZodType<T>, given: unknown): T {
  const result = answer.safeParse(given);
  if (result.success) return result.data;
  throw new ManagementError(
    'unreachable',
    undefined,
    `the answer to GET ${path} is not RabbitMQ's (${z.prettifyError(result.error)}): correct WARREN_MANAGEMENT_URL`,
  );
}

async function undefinedIfMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ManagementError && error.status === 404) return undefined;
    throw error;
  }
}
