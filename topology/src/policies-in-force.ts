import { type Held, roleOfPolicy } from './held.js';
import type { Policy, Topology } from './model.js';

/**
 * Where a policy of somebody else's is in force instead of ours, for one policy applies to a queue at a time: a sentence
 * for each such queue.
 * @param inForce each queue's policy, by the queue's name
 */
export function policyWarnings(policies: readonly Policy[], inForce: ReadonlyMap<string, string>): string[] {
  return policies.flatMap(({ name, pattern, priority }) =>
    [...inForce]
      .filter(([queue, policy]) => new RegExp(pattern).test(queue) && policy !== name)
      .map(
        ([queue, policy]) =>
          `queue "${queue}" is governed by policy "${policy}", so "${name}" (its TTL) is not in force: give "${policy}" a priority below ${priority}, or add the TTL to it`,
      ),
  );
}

/** {@link policyWarnings} of what a virtual host holds. A policy of ours that the plan deletes is no operator's. */
export function overriddenPolicies({ policies }: Topology, { queues }: Held): string[] {
  const foreign = queues.flatMap(({ name, policy }): [string, string][] =>
    policy === undefined || roleOfPolicy(policy) !== undefined ? [] : [[name, policy]],
  );
  return policyWarnings(policies, new Map(foreign));
}
