import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where everything that this machine keeps for a checkout lies; git ignores it. */
export interface LocalFolder {
  readonly projectRoot: string;
  readonly folder: string;
  readonly broker: string;
  readonly logs: string;
  readonly ledgerFile: string;
  /** The running stack's state. */
  readonly stackFile: string;
  readonly stackLock: string;
  /** Held while a supervisor is started that is to run on by itself. */
  readonly detachLock: string;
  readonly supervisorLog: string;
  /** Why a stack behind a supervisor did not start. */
  readonly startFailureFile: string;
}

/** Default: the checkout that this room is a part of. */
export function localFolder(projectRoot = fileURLToPath(new URL('../../..', import.meta.url))): LocalFolder {
  const root = resolve(projectRoot);
  const folder = join(root, '.warren');
  const logs = join(folder, 'logs');
  return {
    projectRoot: root,
    folder,
    broker: join(folder, 'broker'),
    logs,
    ledgerFile: join(folder, 'ledger.db'),
    stackFile: join(folder, 'stack.json'),
    stackLock: join(folder, 'stack.lock'),
    detachLock: join(folder, 'detach.lock'),
    supervisorLog: join(logs, 'supervisor.log'),
    startFailureFile: join(folder, 'start-failure.json'),
  };
}
