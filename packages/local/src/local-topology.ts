import {
  applyTopology,
  type BrokerPlan,
  delayChoice,
  discoverDelay,
  ManagementError,
  type PlanOptions,
  planOn,
} from '@warren/broker';
import { taskTypes } from '@warren/tasks';
import { isUndone, stepText, topologyFor, withoutReplacements } from '@warren/topology';
import { givenBroker } from './local-broker.js';
import type { Environment } from './local-context.js';
import { setting } from './local-context.js';
import type { BrokerAddresses } from './stack.js';

/**
 * Finds out which delay the broker has (`WARREN_DELAY` may choose) and applies the topology for it, in the generations that
 * the broker holds; deletes nothing. Throws a ReplacementPendingError where something has to be replaced first.
 */
export async function applyLocalTopology(env: Environment, broker: BrokerAddresses): Promise<string> {
  const wanted = delayChoice.parse(setting(env, 'WARREN_DELAY'));
  const { mechanism } = (await discoverDelay({ amqpUrl: broker.amqpUrl, wanted })).delay;
  const options = { ...broker, types: taskTypes, delay: mechanism, profile: 'classic' } as const;
  const plan = await planned(options);
  const pending = plan?.steps.find(isUndone);
  if (pending !== undefined) throw new ReplacementPendingError(stepText(pending));
  await applyTopology({
    ...broker,
    topology: plan === undefined ? topologyFor(options) : withoutReplacements(plan.wanted, plan.held),
    isPrivate: givenBroker(env) === undefined,
  });
  return mechanism;
}

/** Undefined where the management API can't be used: what the broker holds can't be seen then. */
async function planned(options: PlanOptions): Promise<BrokerPlan | undefined> {
  try {
    return await planOn(options);
  } catch (error) {
    if (error instanceof ManagementError) return undefined;
    throw error;
  }
}

/** A queue or an exchange that the broker can't change stands where another one is wanted. */
class ReplacementPendingError extends Error {
  override readonly name = 'ReplacementPendingError';
  readonly exitCode = 1;
  readonly next = 'run "warren broker up", do what it says there, then start the stack again';

  constructor(step: string) {
    super(`the broker holds what has to be replaced first: ${step}`);
  }
}
