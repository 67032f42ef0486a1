import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { serverClock } from '@warren/ledger';
import {
  type BrokerFacts,
  type HeldFact,
  type Known,
  type ManagementFact,
  type PolicyFact,
  readQueueName,
  versionAtLeast,
} from '@warren/topology';
import { type ConfigFile, consumerTimeoutIn } from './consumer-timeout.js';
import type { DelayChoice } from './delay-discovery.js';
import { messageOf } from './exception.js';
import { queueCounts } from './inspect.js';
import { brokerAddress } from './inspect-connection.js';
import { type ManagementClient, managementClient } from './management.js';
import type { NodeInfo, PolicyInfo, Whoami } from './management-answers.js';
import { ManagementError, managementAddress } from './management-request.js';
import { brokerVersion, hasDelayPlugin } from './plugin-probe.js';

export interface DoctorOptions {
  readonly amqpUrl: string;
  /** Undefined: derived from `amqpUrl`, see `managementAddress`. */
  readonly managementUrl: string | undefined;
  readonly delayWanted: DelayChoice;
  /** Null: the local stack's, which is a file. Undefined: nothing names a ledger. */
  readonly ledgerUrl: string | null | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Asks a broker about itself, and changes nothing but for the delay plugin's probe, an exchange that is deleted at once.
 * What can't be found out is told as such; throws `BrokerUnreachableError` alone.
 */
export async function gatherFacts(options: DoctorOptions): Promise<BrokerFacts> {
  const { amqpUrl, managementUrl, delayWanted } = options;
  const version = await brokerVersion(amqpUrl);
  const { vhost, username: user } = brokerAddress(amqpUrl);
  const client = managementClient(managementAddress(amqpUrl, managementUrl));
  const asker = await known(client.whoami());
  const asking: Asking = { client, vhost, asker };
  const nodes = await monitored(asking, () => client.nodes());
  const [held, connections, channels, consumers, permissions, deprecatedInUse, brokerClockAheadMs, ledgerClockAheadMs] =
    await Promise.all([
      heldBy(asking, amqpUrl),
      monitored(asking, () => client.connections(vhost)),
      monitored(asking, () => client.channels(vhost)),
      monitored(asking, () => client.consumers(vhost)),
      permissionsOf(user, asking),
      deprecatedFeatures(asking),
      aheadOf(options.now, () => client.clock()),
      ledgerAhead(options),
    ]);
  return {
    vhost,
    user,
    version,
    delayWanted,
    delayPlugin: await pluginFact(options, version, nodes),
    management: managementFact(asker),
    nodes: mapped(nodes, (list) => list.map(nodeFact)),
    connections,
    channels: mapped(channels, (list) =>
      list.map(({ name, global_prefetch_count: globalPrefetch }) => ({ name, globalPrefetch })),
    ),
    consumers: mapped(consumers, (list) =>
      list.map(({ queue, prefetch_count: prefetch, consumer_timeout: timeout }) => ({
        queue: queue.name,
        prefetch,
        timeoutMs: typeof timeout === 'number' ? timeout : undefined,
      })),
    ),
    held,
    permissions,
    deprecatedInUse,
    brokerClockAheadMs,
    ledgerClockAheadMs,
    consumerTimeoutMs: await configuredConsumerTimeout(nodes),
  };
}

interface Asking {
  readonly client: ManagementClient;
  readonly vhost: string;
  /** Who asks the management API; unknown where it does not answer. */
  readonly asker: Known<Whoami> & { readonly failure?: ManagementError['failure'] };
}

/** A fact, or the management API's word why it does not tell it. */
async function known<T>(asked: Promise<T>): Promise<Known<T> & { readonly failure?: ManagementError['failure'] }> {
  try {
    return { known: true, value: await asked };
  } catch (error) {
    if (error instanceof ManagementError)
      return { known: false, why: error.message.replaceAll('\n', ' '), failure: error.failure };
    throw error;
  }
}

function mapped<T, U>(fact: Known<T>, map: (value: T) => U): Known<U> {
  return fact.known ? { known: true, value: map(fact.value) } : { known: false, why: fact.why };
}

function managementFact(asker: Asking['asker']): ManagementFact {
  if (!asker.known) return { state: asker.failure === 'refused' ? 'refused' : 'unreachable', why: asker.why };
  const { name: user } = asker.value;
  return { state: isMonitor(asker.value) ? 'answers' : 'limited', user };
}

const noManagement = 'the management API does not answer this user';

/** Without the tag a user is told of its own connections alone, as if there were no others. */
async function monitored<T>({ asker }: Asking, ask: () => Promise<T>): Promise<Known<T>> {
  if (!asker.known) return { known: false, why: noManagement };
  if (!isMonitor(asker.value)) {
    return { known: false, why: `user "${asker.value.name}" of the management API has no tag "monitoring"` };
  }
  return await known(ask());
}

function isMonitor({ tags }: Whoami): boolean {
  return tags.includes('monitoring') || tags.includes('administrator');
}

async function heldBy({ client, vhost, asker }: Asking, amqpUrl: string): Promise<Known<HeldFact>> {
  if (!asker.known) return { known: false, why: noManagement };
  const listed = await known(
    Promise.all([
      client.exchanges(vhost),
      client.declaredQueues(vhost),
      client.bindings(vhost),
      client.policies(vhost),
      client.operatorPolicies(vhost),
    ]),
  );
  if (!listed.known) return listed;
  const [exchanges, queues, bindings, policies, operatorPolicies] = listed.value;
  const withConsumers = queues.map(({ name }) => name).filter((name) => readQueueName(name) !== undefined);
  const counts = await queueCounts(amqpUrl, withConsumers, [404, 403]);
  return {
    known: true,
    value: {
      exchanges,
      queues: queues.map((queue) => ({ ...queue, policy: queue.policy, count: counts.get(queue.name) })),
      bindings: bindings
        .filter(({ source }) => source !== '')
        .map(({ source, destination, destination_type: destinationKind, routing_key: routingKey }) => ({
          source,
          destination,
          destinationKind,
          routingKey,
        })),
      policies: policies.map(policyFact),
      operatorPolicies: operatorPolicies.map(policyFact),
    },
  };
}

function policyFact({ name, pattern, priority, definition, 'apply-to': applyTo }: PolicyInfo): PolicyFact {
  return { name, pattern, priority, definition, applyTo };
}

async function permissionsOf(user: string, { client, vhost, asker }: Asking): Promise<BrokerFacts['permissions']> {
  if (!asker.known) return { known: false, why: noManagement };
  const { name, tags } = asker.value;
  if (!tags.includes('administrator')) {
    const why = `user "${name}" of the management API has no tag "administrator", which alone may look up what users may do: name one that has it in WARREN_MANAGEMENT_URL`;
    return { known: false, why };
  }
  const found = await known(client.permissionsOf(user));
  return mapped(found, (list) => list.find((one) => one.vhost === vhost) ?? null);
}

async function deprecatedFeatures({ client, asker }: Asking): Promise<BrokerFacts['deprecatedInUse']> {
  if (!asker.known) return { known: false, why: noManagement };
  const found = await known(client.deprecatedInUse());
  if (found.known && found.value === undefined) return { known: false, why: 'RabbitMQ before 3.13 keeps no list' };
  return mapped(found, (names) => names ?? []);
}

function nodeFact(node: NodeInfo) {
  return {
    name: node.name,
    running: node.running,
    memoryAlarm: node.mem_alarm,
    diskAlarm: node.disk_free_alarm,
    memoryLimitBytes: node.mem_limit,
  };
}

/** Each running node says which types of exchanges it has; where they can't be asked, the broker is tried. */
async function pluginFact(
  { amqpUrl, delayWanted }: DoctorOptions,
  version: string,
  nodes: Known<readonly NodeInfo[]>,
): Promise<Known<boolean>> {
  if (delayWanted === 'ladder' || (delayWanted === 'auto' && versionAtLeast(version, 4, 3))) {
    return { known: false, why: 'nobody asks for it' };
  }
  const running = nodes.known ? nodes.value.filter((node) => node.running) : [];
  const types = running.flatMap(({ exchange_types: listed }) => (listed === undefined ? [] : [listed]));
  if (types.length > 0 && types.length === running.length) {
    return { known: true, value: types.every((listed) => listed.some(({ name }) => name === 'x-delayed-message')) };
  }
  try {
    return { known: true, value: await hasDelayPlugin(amqpUrl) };
  } catch (error) {
    return { known: false, why: `the broker did not say (${messageOf(error)})` };
  }
}

/** How far the clock that is asked is ahead of `now`; it is told in whole seconds, cut off. */
async function aheadOf(now: () => number, ask: () => Promise<number>): Promise<Known<number>> {
  const before = now();
  return mapped(await known(ask()), (clock) => clock + 500 - (before + now()) / 2);
}

async function ledgerAhead({ ledgerUrl, now }: DoctorOptions): Promise<Known<number | null>> {
  if (ledgerUrl === undefined) return { known: false, why: 'LEDGER_URL is not set' };
  if (ledgerUrl === null) return { known: true, value: null };
  try {
    const before = now();
    const clock = await serverClock(ledgerUrl);
    return { known: true, value: clock === null ? null : clock - (before + now()) / 2 };
  } catch (error) {
    return { known: false, why: messageOf(error) };
  }
}

/** Before 3.12 the broker tells it nowhere: it is read where the node's own files lie on this machine. */
async function configuredConsumerTimeout(nodes: Known<readonly NodeInfo[]>): Promise<Known<number | null>> {
  if (!nodes.known) return nodes;
  const timeouts = await Promise.all(nodes.value.map(timeoutOfNode));
  const unread = timeouts.find((one) => !one.known);
  if (unread !== undefined) return unread;
  const set = timeouts.flatMap((one) => (one.known && one.value !== null ? [one.value] : []));
  return { known: true, value: set.length === 0 ? null : Math.min(...set) };
}

async function timeoutOfNode(node: NodeInfo): Promise<Known<number | null>> {
  if (!runsHere(node)) {
    return {
      known: false,
      why: `node "${node.name}" does not run on this machine, and RabbitMQ before 3.12 does not tell it`,
    };
  }
  try {
    const files = await Promise.all((node.config_files ?? []).map(readIfThere));
    return consumerTimeoutIn(files.flatMap((file) => file ?? []));
  } catch (error) {
    return { known: false, why: `the node's configuration can't be read (${messageOf(error)})` };
  }
}

/** Its process and its data folder, which has its name, are here. */
function runsHere({ os_pid: pid, db_dir: folder }: NodeInfo): boolean {
  if (pid === undefined || folder === undefined || !existsSync(folder)) return false;
  try {
    return process.kill(Number(pid), 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function readIfThere(path: string): Promise<ConfigFile | undefined> {
  try {
    return { path, text: await readFile(path, 'utf8') };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
