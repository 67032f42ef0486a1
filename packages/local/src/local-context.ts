import type { CommandOutput } from '@warren/broker';
import { type LocalFolder, localFolder } from './local-folder.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What this room's commands are given. */
export interface LocalContext {
  readonly env: Environment;
  readonly output: CommandOutput;
  /** Default: the checkout that this room is a part of. Its folder `.warren` holds all state. */
  readonly projectRoot?: string;
}

export function folderOf(context: Pick<LocalContext, 'projectRoot'>): LocalFolder {
  return localFolder(context.projectRoot);
}

/** Ordinary users often lack the sbin folders, where servers are. */
export function serverSearchPath(env: Environment): string {
  return [env.PATH ?? '', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].filter((part) => part !== '').join(':');
}

/** An empty variable counts as one that is not set. */
export function setting(env: Environment, name: string): string | undefined {
  return env[name] || undefined;
}
