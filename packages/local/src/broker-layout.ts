import { delimiter, join } from 'node:path';
import { largestBodyBytes } from '@warren/tasks';

/** The ports of a private node, all on 127.0.0.1. */
export interface BrokerPorts {
  readonly amqp: number;
  readonly management: number;
  readonly stream: number;
  readonly prometheus: number;
  readonly distribution: number;
  readonly epmd: number;
}

/** Where a private node keeps what belongs to it: everything is below its directory. */
export interface BrokerLayout {
  readonly stateFile: string;
  readonly lockFile: string;
  readonly configFolder: string;
  readonly configFile: string;
  readonly advancedConfigFile: string;
  readonly enabledPluginsFile: string;
  readonly environmentFile: string;
  readonly dataFolder: string;
  readonly logFolder: string;
  /** Erlang keeps its cookie in the home folder. */
  readonly homeFolder: string;
  /** What the server script and the port mapper print; the node's own log is {@link brokerLogFile}. */
  readonly outputFile: string;
}

export const privateVhost = 'warren';
export const privateUser = 'warren';

const wantedPlugins = [
  'rabbitmq_management',
  'rabbitmq_consistent_hash_exchange',
  'rabbitmq_stream',
  'rabbitmq_prometheus',
];
const delayedMessagePlugin = 'rabbitmq_delayed_message_exchange';
/** SASL EXTERNAL: `auth_mechanisms.<n> = EXTERNAL`. */
const certificateLoginPlugin = 'rabbitmq_auth_mechanism_ssl';

export function brokerLayout(directory: string): BrokerLayout {
  const configFolder = join(directory, 'etc');
  const logFolder = join(directory, 'log');
  return {
    stateFile: join(directory, 'broker.json'),
    lockFile: join(directory, 'broker.lock'),
    configFolder,
    configFile: join(configFolder, 'rabbitmq.conf'),
    advancedConfigFile: join(configFolder, 'advanced.config'),
    enabledPluginsFile: join(configFolder, 'enabled_plugins'),
    environmentFile: join(configFolder, 'rabbitmq-env.conf'),
    dataFolder: join(directory, 'data'),
    logFolder,
    homeFolder: join(directory, 'home'),
    outputFile: join(logFolder, 'server-output.log'),
  };
}

export function brokerLogFile(directory: string, nodeName: string): string {
  return join(brokerLayout(directory).logFolder, `${nodeName}.log`);
}

/** `rabbitmq.conf`. The user and the vhost are made by the node itself, on its first start only. */
export function configText(
  node: { ports: BrokerPorts; password: string },
  settings: Readonly<Record<string, string>>,
): string {
  const lines = {
    'listeners.tcp.1': `127.0.0.1:${node.ports.amqp}`,
    'management.tcp.ip': '127.0.0.1',
    'management.tcp.port': String(node.ports.management),
    'stream.listeners.tcp.1': `127.0.0.1:${node.ports.stream}`,
    'prometheus.tcp.ip': '127.0.0.1',
    'prometheus.tcp.port': String(node.ports.prometheus),
    default_vhost: privateVhost,
    default_user: privateUser,
    default_pass: node.password,
    'default_user_tags.administrator': 'true',
    // Before 4.0 it takes 128 MiB, and a consumer holds as many bodies as its prefetch.
    max_message_size: String(largestBodyBytes),
    ...settings,
  };
  return Object.entries(lines)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}

/**
 * How long a level of the delay ladder waits for the confirm of what it handed on before it hands it on again, in
 * milliseconds. RabbitMQ's own default is 180,000, and what a stop of the node cut off is late by as much.
 */
const handOnConfirmTimeoutMs = 10_000;

/** `advanced.config`: what `rabbitmq.conf` has no words for. */
export function advancedConfigText(): string {
  return `[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, ${handOnConfirmTimeoutMs}}]}].\n`;
}

/**
 * The `enabled_plugins` file: what Warren needs, the delayed-message exchange where the broker has it, and the login by
 * certificate where the settings ask for it.
 */
export function enabledPluginsText(
  available: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): string {
  const hasDelays = available.some((name) => name.startsWith(`${delayedMessagePlugin}-`));
  const asksForCertificates = Object.values(settings).includes('EXTERNAL');
  const plugins = [
    ...wantedPlugins,
    ...(hasDelays ? [delayedMessagePlugin] : []),
    ...(asksForCertificates ? [certificateLoginPlugin] : []),
  ];
  return `[${plugins.join(',')}].\n`;
}

/** The node's whole environment: nothing of the caller's own RABBITMQ_ and ERL_ variables or of /etc/rabbitmq reaches it. */
export function nodeEnvironment(node: {
  directory: string;
  nodeName: string;
  ports: BrokerPorts;
  pluginFolders: readonly string[];
  searchPath: string;
}): Record<string, string> {
  const layout = brokerLayout(node.directory);
  return {
    PATH: node.searchPath,
    LANG: 'C.UTF-8',
    HOME: layout.homeFolder,
    ...epmdEnvironment(node.ports),
    ERL_CRASH_DUMP: join(layout.logFolder, 'erl_crash.dump'),
    RABBITMQ_NODENAME: node.nodeName,
    RABBITMQ_DIST_PORT: String(node.ports.distribution),
    // The script word-splits this and expands no globs or braces.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_CONF_ENV_FILE: layout.environmentFile,
    RABBITMQ_CONFIG_FILE: layout.configFile,
    RABBITMQ_CONFIG_FILES: join(layout.configFolder, 'conf.d'),
    RABBITMQ_ADVANCED_CONFIG_FILE: layout.advancedConfigFile,
    RABBITMQ_GENERATED_CONFIG_DIR: join(layout.dataFolder, 'config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: layout.enabledPluginsFile,
    RABBITMQ_PLUGINS_DIR: node.pluginFolders.join(delimiter),
    RABBITMQ_MNESIA_BASE: layout.dataFolder,
    RABBITMQ_LOG_BASE: layout.logFolder,
    RABBITMQ_PID_FILE: join(layout.dataFolder, 'node.pid'),
    // Makes the script replace itself by the Erlang machine: the pid that was started is the node, and SIGTERM stops it in
    // good order, without a shell in between that waits and a second Erlang machine that asks.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
}

export function epmdEnvironment(ports: BrokerPorts): Record<string, string> {
  return { ERL_EPMD_PORT: String(ports.epmd), ERL_EPMD_ADDRESS: '127.0.0.1' };
}

export function amqpUrlOf(node: { ports: BrokerPorts; password: string }): string {
  return `amqp://${privateUser}:${node.password}@127.0.0.1:${node.ports.amqp}/${privateVhost}`;
}

/** Carries the user and the password, as the AMQP address does. */
export function managementUrlOf(node: { ports: BrokerPorts; password: string }): string {
  return `http://${privateUser}:${node.password}@127.0.0.1:${node.ports.management}`;
}
