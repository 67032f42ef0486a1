import { spawn } from 'node:child_process';
import type { Environment } from './local-context.js';
import { setting } from './local-context.js';

/** How long the system's opener is listened to, in milliseconds. What fails does so at once; some run as long as the browser. */
const openerGraceMs = 2_000;

export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly env: Environment;
  /** Whether a person sits at the output. */
  readonly isTerminal: boolean;
}

/** What opens an address here: the system's own opener, its last argument the address; or why nothing can. */
export type BrowserOpener =
  | { readonly kind: 'opener'; readonly command: string; readonly args: readonly string[] }
  | { readonly kind: 'none'; readonly why: string };

/** The decision alone. Never an opener where the output is piped: a script must not meet a browser. */
export function browserOpener({ platform, env, isTerminal }: Surroundings): BrowserOpener {
  if (!isTerminal) return { kind: 'none', why: 'the output is no terminal' };
  switch (platform) {
    case 'win32':
      return { kind: 'opener', command: 'rundll32', args: ['url.dll,FileProtocolHandler'] };
    case 'darwin':
      if (setting(env, 'SSH_CONNECTION') !== undefined)
        return { kind: 'none', why: 'the display is on another machine' };
      return { kind: 'opener', command: 'open', args: [] };
    default:
      if (setting(env, 'DISPLAY') === undefined && setting(env, 'WAYLAND_DISPLAY') === undefined) {
        return { kind: 'none', why: 'there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)' };
      }
      return { kind: 'opener', command: 'xdg-open', args: [] };
  }
}

/** Opens `url`, which outlives this process. Gives what went wrong, undefined where nothing did. */
export async function openBrowser(
  { command, args }: Extract<BrowserOpener, { kind: 'opener' }>,
  url: string,
  env: Environment,
): Promise<string | undefined> {
  const child = spawn(command, [...args, url], { env, detached: true, stdio: 'ignore' });
  try {
    return await new Promise((resolve) => {
      child.once('error', (error) => resolve(`${command} can't be started: ${error.message}`));
      child.once('exit', (code) => resolve(code === 0 ? undefined : `${command} ended with ${code ?? 'a signal'}`));
      setTimeout(() => resolve(undefined), openerGraceMs).unref();
    });
  } finally {
    child.unref();
  }
}
