import { managementAddress, managementClient } from '@warren/broker';
import { givenAmqpUrl } from './addresses.js';
import { ensureRabbitmq } from './install-rabbitmq.js';
import { type Environment, serverSearchPath, setting } from './local-context.js';
import type { LocalFolder } from './local-folder.js';
import { PrivateBroker } from './private-broker.js';

/** A broker to work with. */
export interface BrokerInUse {
  readonly amqpUrl: string;
  readonly managementUrl: string;
  /** `unknown` when it is somebody else's and its management interface does not answer. */
  readonly version: string;
  /** Whether this call started it, and whoever made it is to stop it. Never for a broker that `AMQP_URL` names. */
  readonly startedHere: boolean;
}

/** The broker that `AMQP_URL` names, taken as it is; else the private one below `.warren`, installed and started as needed. */
export async function brokerInUse(
  env: Environment,
  { broker: directory }: LocalFolder,
  onProgress: (line: string) => void,
): Promise<BrokerInUse> {
  const given = givenBroker(env);
  if (given !== undefined) return { ...given, version: await versionOf(given), startedHere: false };
  const { node, startedHere } = await privateBrokerInUse(env, directory, onProgress);
  const { amqpUrl, managementUrl, version } = node;
  return { amqpUrl, managementUrl, version, startedHere };
}

/** The private node in `directory`, installed and started as needed. `startedHere` as in {@link BrokerInUse}. */
export async function privateBrokerInUse(
  env: Environment,
  directory: string,
  onProgress: (line: string) => void,
): Promise<{ readonly node: PrivateBroker; readonly startedHere: boolean }> {
  const searchPath = serverSearchPath(env);
  const software = await ensureRabbitmq({ searchPath, onProgress });
  const ranBefore = PrivateBroker.find(directory)?.running ?? false;
  if (!ranBefore) onProgress('starting a private RabbitMQ node');
  return { node: await PrivateBroker.start({ directory, software, searchPath }), startedHere: !ranBefore };
}

/** The addresses from the environment; `undefined` when it names no broker. */
export function givenBroker(env: Environment): { amqpUrl: string; managementUrl: string } | undefined {
  const amqpUrl = givenAmqpUrl(env);
  if (amqpUrl === undefined) return undefined;
  const managementUrl = setting(env, 'WARREN_MANAGEMENT_URL') ?? managementAddress(amqpUrl).baseUrl;
  return { amqpUrl, managementUrl };
}

/** Without the management interface there is no version to show, and nothing else that is missed here. */
export async function versionOf({
  amqpUrl,
  managementUrl,
}: {
  amqpUrl: string;
  managementUrl: string;
}): Promise<string> {
  try {
    return (await managementClient(managementAddress(amqpUrl, managementUrl)).overview()).rabbitmq_version;
  } catch {
    return 'unknown';
  }
}
