import { applyTopology, delayChoice, discoverDelay } from '@warren/broker';
import { taskTypes } from '@warren/tasks';
import { topologyFor } from '@warren/topology';
import { givenBroker } from './local-broker.js';
import type { Environment } from './local-context.js';
import { setting } from './local-context.js';
import type { BrokerAddresses } from './stack.js';

/** Finds out which delay the broker has (`WARREN_DELAY` may choose) and applies the topology for it. */
export async function applyLocalTopology(env: Environment, broker: BrokerAddresses): Promise<string> {
  const wanted = delayChoice.parse(setting(env, 'WARREN_DELAY'));
  const { mechanism } = (await discoverDelay({ amqpUrl: broker.amqpUrl, wanted })).delay;
  await applyTopology({
    ...broker,
    topology: topologyFor({ types: taskTypes, delay: mechanism, profile: 'classic' }),
    isPrivate: givenBroker(env) === undefined,
  });
  return mechanism;
}
