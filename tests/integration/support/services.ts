import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { applyTopology } from '@warren/broker';
import { type Ledger, openLedger } from '@warren/ledger';
import { taskTypes } from '@warren/tasks';
import { topologyFor } from '@warren/topology';
import { freshVhost } from './broker.js';

export const projectRoot = fileURLToPath(new URL('../../..', import.meta.url));

export const serviceNames = ['producer', 'summarize-worker', 'research-worker', 'dlq-processor'];

/** The four services as the processes that ship, on a virtual host and a ledger of their own. */
export interface RunningServices {
  /** Workers may read files below it; commands run in it. */
  readonly folder: string;
  readonly amqpUrl: string;
  readonly ledger: Ledger;
  /** Runs a program to its end, with the services' addresses in its environment; gives its stdout. Rejects unless it exits with 0. */
  run(command: string, args: readonly string[], input?: string): Promise<string>;
  /** `bin/warren` with these words. */
  warren(...args: string[]): Promise<string>;
  /** Drains and ends all. Gives the exit codes. */
  stop(): Promise<(number | null)[]>;
}

export async function startServices(): Promise<RunningServices> {
  const vhost = await freshVhost();
  const folder = mkdtempSync(join(tmpdir(), 'warren-services-'));
  const ledgerUrl = `sqlite://${join(folder, 'ledger.db')}`;
  const env = {
    PATH: process.env.PATH ?? '',
    AMQP_URL: vhost.amqpUrl,
    WARREN_MANAGEMENT_URL: vhost.managementUrl,
    LEDGER_URL: ledgerUrl,
    WARREN_SOURCES_DIRS: folder,
  };
  const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' });
  await applyTopology({ amqpUrl: vhost.amqpUrl, managementUrl: vhost.managementUrl, topology });
  const ledger = await openLedger(ledgerUrl);
  const children = await Promise.all(serviceNames.map((name) => startService(name, env)));

  async function run(command: string, args: readonly string[], input = ''): Promise<string> {
    const running = promisify(execFile)(command, args, { env, cwd: folder, timeout: 60_000 });
    running.child.stdin?.end(input);
    return (await running).stdout;
  }

  return {
    folder,
    amqpUrl: vhost.amqpUrl,
    ledger,
    run,
    warren: (...args) => run(process.execPath, [join(projectRoot, 'bin', 'warren'), ...args]),
    async stop() {
      const exits = await Promise.all(children.map(terminated));
      await ledger.close();
      await vhost.dispose();
      rmSync(folder, { recursive: true, force: true });
      return exits;
    },
  };
}

/** Resolves when it is ready. */
export async function startService(name: string, env: Record<string, string>): Promise<ChildProcess> {
  const main = join(projectRoot, 'services', name, 'dist', 'main.js');
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => line.includes('"msg":"ready"') && resolve());
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code} before it was ready`)));
  });
  return child;
}

/** Drains it; the exit code. */
export function terminated(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill('SIGTERM');
  });
}
