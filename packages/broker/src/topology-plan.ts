import type { TaskType } from '@warren/tasks';
import {
  type DelayMechanism,
  generationsOn,
  type Held,
  overriddenPolicies,
  type PlanStep,
  planTopology,
  type QueueProfile,
  type Topology,
  topologyFor,
} from '@warren/topology';
import { brokerAddress } from './inspect-connection.js';
import { managementClient } from './management.js';
import { managementAddress } from './management-request.js';
import { heldOn } from './topology-held.js';

export interface PlanOptions {
  readonly amqpUrl: string;
  /** Default: derived from `amqpUrl`, see `managementAddress`. */
  readonly managementUrl?: string | undefined;
  readonly types: readonly TaskType[];
  readonly delay: DelayMechanism;
  readonly profile: QueueProfile;
}

/** What a broker holds, compared with what it should hold. */
export interface BrokerPlan {
  readonly vhost: string;
  /** Each queue in the generation that the broker holds, or the next where what it holds has to be replaced. */
  readonly wanted: Topology;
  readonly held: Held;
  /** Empty: no difference. */
  readonly steps: readonly PlanStep[];
  /** What keeps the topology from working as it should and is not ours to change: policies of somebody else's. */
  readonly warnings: readonly string[];
}

/** Looks at the virtual host that `amqpUrl` names. Changes nothing. Rejects with a `ManagementError`. */
export async function planOn({ amqpUrl, managementUrl, ...wants }: PlanOptions): Promise<BrokerPlan> {
  const { vhost } = brokerAddress(amqpUrl);
  const held = await heldOn(managementClient(managementAddress(amqpUrl, managementUrl)), vhost);
  const wanted = topologyFor({ ...wants, generations: generationsOn(held, topologyFor(wants)) });
  const inForce = new Map(
    held.queues.flatMap(({ name, policy }): [string, string][] => (policy === undefined ? [] : [[name, policy]])),
  );
  const warnings = overriddenPolicies(wanted.policies, inForce);
  return { vhost, wanted, held, steps: planTopology(wanted, held), warnings };
}
