import type { DelayMechanism, QueueProfile, Topology } from './model.js';

/**
 * A RabbitMQ definitions file: what `load_definitions` and `rabbitmqctl import_definitions` read. Everything in it names its
 * virtual host, as an import at boot needs it; it has no users, no permissions and no passwords.
 */
export interface Definitions {
  readonly vhosts: readonly object[];
  readonly policies: readonly object[];
  readonly exchanges: readonly object[];
  readonly queues: readonly object[];
  readonly bindings: readonly object[];
}

/** The topology as definitions of one virtual host. */
export function definitionsOf({ exchanges, queues, bindings, policies }: Topology, vhost: string): Definitions {
  return {
    vhosts: [{ name: vhost }],
    policies: policies.map(({ name, pattern, applyTo, priority, definition }) => {
      return { vhost, name, pattern, 'apply-to': applyTo, priority, definition };
    }),
    exchanges: exchanges.map(({ name, type, arguments: given }) => {
      return { vhost, name, type, durable: true, auto_delete: false, internal: false, arguments: given };
    }),
    queues: queues.map(({ name, arguments: given }) => {
      return { vhost, name, durable: true, auto_delete: false, arguments: given };
    }),
    bindings: bindings.map(({ source, destination, destinationKind, routingKey }) => ({
      vhost,
      source,
      destination,
      destination_type: destinationKind,
      routing_key: routingKey,
      arguments: {},
    })),
  };
}

/**
 * The file's text: JSON with a line for each thing, so that a change reads as one. Its first line is the opening brace alone,
 * behind which a script may put users and permissions. Ends with a line feed.
 */
export function definitionsText(definitions: Definitions): string {
  const lists = Object.entries(definitions).map(
    ([kind, things]: [string, readonly object[]]) =>
      `  ${JSON.stringify(kind)}: [\n${things.map((thing) => `    ${JSON.stringify(thing)}`).join(',\n')}\n  ]`,
  );
  return `{\n${lists.join(',\n')}\n}\n`;
}

/** The virtual host of the files with which the containers' broker boots. */
export const bootVhost = 'warren';

/** The file with which the containers' broker boots, below the root of the repository. */
export function bootFile(profile: QueueProfile, delay: DelayMechanism): string {
  return `deploy/broker/definitions/${profile}-${delay}.json`;
}

/** What writes that file: a test that compares names it. */
export function bootFileCommand(profile: QueueProfile, delay: DelayMechanism): string {
  return `bin/warren topology export --profile ${profile} --delay ${delay} --vhost ${bootVhost} --out ${bootFile(profile, delay)}`;
}
