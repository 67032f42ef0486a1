import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** RabbitMQ as installed on this machine. */
export interface RabbitmqSoftware {
  /** The server script itself, which runs as whoever calls it. */
  readonly serverScript: string;
  /** Erlang's port mapper. */
  readonly epmd: string;
  /** Existing folders that hold plugins, in the order in which the broker searches them. */
  readonly pluginFolders: readonly string[];
}

/** Where packages put the server script when it is on nobody's PATH: Debian and Red Hat, the official image, Homebrew. */
const usualScripts = [
  '/usr/lib/rabbitmq/bin/rabbitmq-server',
  '/opt/rabbitmq/sbin/rabbitmq-server',
  '/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server',
  '/usr/local/opt/rabbitmq/sbin/rabbitmq-server',
];

/** What `searchPath` leads to goes before the usual places. `undefined` when no RabbitMQ (with its Erlang) is found. */
export function findRabbitmq(searchPath: string): RabbitmqSoftware | undefined {
  const folders = searchPath.split(delimiter).filter((folder) => folder !== '');
  const serverScript = [...folders.map((folder) => join(folder, 'rabbitmq-server')), ...usualScripts]
    .filter(isExecutable)
    .map((script) => realpathSync(script))
    .find(runsAsItsCaller);
  const erl = folders.map((folder) => join(folder, 'erl')).find(isExecutable);
  if (serverScript === undefined || erl === undefined) return undefined;
  const epmd = [join(dirname(realpathSync(erl)), 'epmd'), ...folders.map((folder) => join(folder, 'epmd'))].find(
    isExecutable,
  );
  if (epmd === undefined) return undefined;
  return { serverScript, epmd, pluginFolders: pluginFoldersOf(serverScript) };
}

/** The file or folder names of the plugins that the broker can load, `<name>-<version>` with or without `.ez`. */
export function availablePlugins(folders: readonly string[]): string[] {
  return folders.filter(existsSync).flatMap((folder) => readdirSync(folder));
}

/** Debian's `rabbitmq-server` on PATH is a wrapper that becomes the system's user `rabbitmq` and refuses everyone but root. */
function runsAsItsCaller(script: string): boolean {
  return !/\b(su|runuser)\b.*\brabbitmq\b/.test(readFileSync(script, 'utf8'));
}

function pluginFoldersOf(serverScript: string): string[] {
  return [join(dirname(serverScript), '..', 'plugins'), '/usr/lib/rabbitmq/plugins'].filter(existsSync);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
