import { type DelayMechanism, delayMechanisms, type LadderShape, versionAtLeast } from '@warren/topology';
import { z } from 'zod';
import { type Delay, delayBy } from './delay.js';
import { brokerVersion, hasDelayPlugin } from './plugin-probe.js';

/** `WARREN_DELAY`: a mechanism by name, or `auto`, the default: the plugin where the broker has it, else the ladder. */
export const delayChoice = z
  .enum([...delayMechanisms, 'auto'], {
    error: 'WARREN_DELAY must be "plugin", "ladder" or "auto"',
  })
  .default('auto');

export type DelayChoice = z.infer<typeof delayChoice>;

/** Where a mechanism may be asked for. */
export type DelaySource = 'WARREN_DELAY' | '--delay';

export interface DelayDiscovery {
  readonly delay: Delay;
  readonly brokerVersion: string;
  /** One sentence for the log: why this mechanism. */
  readonly reason: string;
}

/**
 * Finds out which delay the broker has, by asking it. Throws when the broker can't be reached within 5 s, when it is too
 * old for the wanted mechanism, or when the plugin is wanted and missing.
 */
export async function discoverDelay(options: {
  readonly amqpUrl: string;
  readonly wanted: DelayChoice;
  /** Where `wanted` was said, for errors and the reason. Default `WARREN_DELAY`. */
  readonly wantedBy?: DelaySource;
  /** The ladder's measures. Default: those of the topology. */
  readonly ladder?: LadderShape;
}): Promise<DelayDiscovery> {
  const version = await brokerVersion(options.amqpUrl);
  const plugin = mayUsePlugin(options.wanted, version) && (await hasDelayPlugin(options.amqpUrl));
  const { mechanism, reason } = chooseDelay({ ...options, version, plugin });
  return { delay: delayBy(mechanism, options.ladder), brokerVersion: version, reason };
}

/** The decision alone. `plugin`: whether the broker was seen to have it. Throws what {@link discoverDelay} throws. */
export function chooseDelay(broker: {
  wanted: DelayChoice;
  version: string;
  plugin: boolean;
  wantedBy?: DelaySource;
}): {
  mechanism: DelayMechanism;
  reason: string;
} {
  const { wanted, wantedBy = 'WARREN_DELAY', version } = broker;
  switch (wanted) {
    case 'ladder':
      return ladder(version, `${wantedBy} asks for the ladder`);
    case 'plugin':
      return {
        mechanism: wantedPlugin(broker, wantedBy),
        reason: `${wantedBy} asks for the plugin, and the broker has it`,
      };
    case 'auto':
      if (!mayUsePlugin(wanted, version)) return ladder(version, `RabbitMQ ${version} can't run the plugin`);
      if (!broker.plugin) return ladder(version, 'the broker does not have the plugin');
      return { mechanism: 'plugin', reason: 'the broker has the plugin' };
    default:
      return wanted satisfies never;
  }
}

/** 4.2 is the last series on which the plugin runs. */
function mayUsePlugin(wanted: DelayChoice, version: string): boolean {
  return wanted !== 'ladder' && !versionAtLeast(version, 4, 3);
}

function wantedPlugin({ version, plugin }: { version: string; plugin: boolean }, wantedBy: DelaySource): 'plugin' {
  if (plugin) return 'plugin';
  const [asked, instead] =
    wantedBy === '--delay'
      ? ['--delay plugin', 'say --delay ladder or --delay auto']
      : ['WARREN_DELAY=plugin', 'set WARREN_DELAY=ladder or auto'];
  if (!mayUsePlugin('plugin', version)) {
    throw new Error(
      `${asked}, but the broker is RabbitMQ ${version}, and 4.2 is the last series the delayed-message plugin runs on: ${instead}`,
    );
  }
  throw new Error(
    `${asked}, but the broker (RabbitMQ ${version}) does not have it: run "rabbitmq-plugins enable rabbitmq_delayed_message_exchange" on every node (put the plugin's .ez file into its plugins folder first), or ${instead}`,
  );
}

function ladder(version: string, reason: string): { mechanism: 'ladder'; reason: string } {
  if (!versionAtLeast(version, 3, 10)) {
    throw new Error(
      `RabbitMQ ${version} can't hold the delay ladder, which needs TTL and at-least-once dead-lettering on quorum queues: upgrade to 3.10 or later`,
    );
  }
  return { mechanism: 'ladder', reason };
}
