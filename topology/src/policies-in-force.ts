import { roleOfPolicy } from './held.js';
import type { Policy } from './model.js';

/**
 * Where a policy of somebody else's is in force instead of one of these, for one policy applies to a queue at a time: a
 * sentence for each such queue.
 * @param inForce each queue's policy, by the queue's name
 */
export function overriddenPolicies(policies: readonly Policy[], inForce: ReadonlyMap<string, string>): string[] {
  return policies.flatMap(({ name, pattern, priority }) =>
    [...inForce]
      .filter(([queue, policy]) => new RegExp(pattern).test(queue) && roleOfPolicy(policy) === undefined)
      .map(
        ([queue, policy]) =>
          `queue "${queue}" is governed by policy "${policy}", so "${name}" (its TTL) is not in force: give "${policy}" a priority below ${priority}, or add the TTL to it`,
      ),
  );
}
