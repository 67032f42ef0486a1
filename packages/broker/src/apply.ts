import {
  type Binding,
  type Exchange,
  overriddenPolicies,
  type Policy,
  type Queue,
  type Topology,
} from '@warren/topology';
import type { Channel, ChannelModel } from 'amqplib';
import { conflictOf, type Declared, type DeclaredIn, unseenConflict } from './apply-conflict.js';
import { messageOf, replyCodeOf } from './exception.js';
import { brokerAddress, withConnection } from './inspect-connection.js';
import { type ManagementClient, managementClient } from './management.js';
import { ManagementError, managementAddress } from './management-request.js';

export interface ApplyOptions {
  readonly amqpUrl: string;
  /** Default: derived from `amqpUrl`, see `managementAddress`. */
  readonly managementUrl?: string;
  readonly topology: Topology;
  /** A node that Warren runs by itself, which the system's rabbitmqctl does not reach. Default false. */
  readonly isPrivate?: boolean;
}

/** What the broker holds now. Applying again changes nothing and gives the same. */
export interface ApplySummary {
  readonly vhost: string;
  readonly exchanges: number;
  readonly queues: number;
  readonly bindings: number;
  /** Policies that were set. Fewer than the topology has: `warnings` says why. */
  readonly policies: number;
  /** What was left undone, and what to do about it. The topology works without: the ledger enforces expiry too. */
  readonly warnings: readonly string[];
}

/**
 * Makes the broker hold the topology, in the virtual host that `amqpUrl` names. Idempotent, and any number may run at
 * once; it removes nothing. Throws `BrokerUnreachableError`, or `TopologyConflictError` for the first queue or exchange
 * that exists with other settings: everything before it is applied then.
 */
export async function applyTopology(options: ApplyOptions): Promise<ApplySummary> {
  const { amqpUrl, managementUrl, topology, isPrivate = false } = options;
  const { vhost } = brokerAddress(amqpUrl);
  const management = managementClient(managementAddress(amqpUrl, managementUrl));
  const failure = await setPolicies(management, vhost, topology.policies);
  await withConnection(amqpUrl, (connection) => declareAll(connection, topology, { management, vhost, isPrivate }));
  return {
    vhost,
    exchanges: topology.exchanges.length,
    queues: topology.queues.length,
    bindings: topology.bindings.length,
    policies: failure === undefined ? topology.policies.length : 0,
    warnings: failure === undefined ? await overridden(management, vhost, topology) : [policiesNotSet(failure)],
  };
}

/** Gives the failure, where the management API can't be used at all. A policy that the broker refuses is thrown. */
async function setPolicies(
  management: ManagementClient,
  vhost: string,
  policies: readonly Policy[],
): Promise<ManagementError | undefined> {
  try {
    for (const policy of policies) await management.putPolicy(vhost, policy);
    return undefined;
  } catch (error) {
    if (error instanceof ManagementError && error.status !== 400) return error;
    throw error;
  }
}

function policiesNotSet(failure: ManagementError): string {
  return `the policies that give the work queues their TTL were not set: ${failure.message}. Tasks expire by the ledger alone until they are`;
}

async function declareAll(connection: ChannelModel, topology: Topology, where: DeclaredIn): Promise<void> {
  const channel = await connection.createChannel();
  // The pending call is rejected with the same error; without a listener it would end the process.
  channel.on('error', () => undefined);
  const orExplain = (declared: Declared) => async (error: unknown) => {
    throw replyCodeOf(error) === 406 ? await conflictOf(declared, where, messageOf(error)) : error;
  };
  for (const wanted of topology.exchanges) {
    await declareExchange(channel, wanted).catch(orExplain({ kind: 'exchange', wanted }));
    if (wanted.type === 'x-delayed-message') await refuseOtherDelayedType(wanted, where);
  }
  for (const wanted of topology.queues) {
    await declareQueue(channel, wanted).catch(orExplain({ kind: 'queue', wanted }));
  }
  for (const binding of topology.bindings) await bind(channel, binding);
  await channel.close();
}

/** With another delayed type the exchange would drop what comes due, since its binding is made for ours. */
async function refuseOtherDelayedType(wanted: Exchange, where: DeclaredIn): Promise<void> {
  const conflict = await unseenConflict({ kind: 'exchange', wanted }, where);
  if (conflict !== undefined) throw conflict;
}

async function declareExchange(channel: Channel, { name, type, arguments: given }: Exchange): Promise<void> {
  await channel.assertExchange(name, type, { durable: true, arguments: given });
}

async function declareQueue(channel: Channel, { name, arguments: given }: Queue): Promise<void> {
  await channel.assertQueue(name, { durable: true, arguments: given });
}

async function bind(channel: Channel, { source, destination, destinationKind, routingKey }: Binding): Promise<void> {
  switch (destinationKind) {
    case 'queue':
      await channel.bindQueue(destination, source, routingKey);
      return;
    case 'exchange':
      await channel.bindExchange(destination, source, routingKey);
      return;
    default:
      destinationKind satisfies never;
  }
}

/** One policy applies to a queue at a time, so an operator's own can put ours out of force. */
async function overridden(management: ManagementClient, vhost: string, { policies }: Topology): Promise<string[]> {
  const inForce = await policiesInForce(management, vhost);
  if (inForce instanceof ManagementError) {
    return [`whether the work queues' TTL policies are in force could not be checked: ${inForce.message}`];
  }
  return overriddenPolicies(policies, inForce);
}

async function policiesInForce(
  management: ManagementClient,
  vhost: string,
): Promise<ReadonlyMap<string, string> | ManagementError> {
  try {
    return await management.policyByQueue(vhost);
  } catch (error) {
    if (error instanceof ManagementError) return error;
    throw error;
  }
}
