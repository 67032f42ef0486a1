import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { applyTopology } from '@warren/broker';
import { type Ledger, openLedger } from '@warren/ledger';
import { summarizeResult, taskTypes } from '@warren/tasks';
import { topologyFor } from '@warren/topology';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { itWith } from './support/foreign-tools.js';
import { until } from './support/until.js';

/** The four services as the processes that ship, on a virtual host and a ledger of their own. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const services = ['producer', 'summarize-worker', 'research-worker', 'dlq-processor'];
const text = 'Rabbits dig tunnels. Tunnels join into warrens. A warren lasts longer than any rabbit in it.';

let vhost: FreshVhost;
let ledger: Ledger;
let folder: string;
let env: Record<string, string>;
const children: ChildProcess[] = [];

async function startService(name: string): Promise<void> {
  const child = spawn(process.execPath, [join(root, 'services', name, 'dist', 'main.js')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => line.includes('"msg":"ready"') && resolve());
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code} before it was ready`)));
  });
}

function terminated(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill('SIGTERM');
  });
}

function message(taskId: string): string {
  return JSON.stringify({ task_id: taskId, task_type: 'summarize', payload: { text, length: 1 } });
}

async function expectSummary(taskId: string): Promise<void> {
  await until(async () => (await ledger.queries.task(taskId))?.state === 'completed');
  const stored = await ledger.queries.result(taskId);
  expect(summarizeResult.parse(JSON.parse(stored?.result ?? '')).sentences).toHaveLength(1);
}

/** Debian's own python3 is named in full: only that one has Debian's python3-pika. */
async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const running = promisify(execFile)(command, args, { env, timeout: 60_000 });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

describe('the four services', () => {
  beforeAll(async () => {
    vhost = await freshVhost();
    folder = mkdtempSync(join(tmpdir(), 'warren-services-'));
    writeFileSync(join(folder, 'warren.md'), `# Warrens\n\n${text}\n`);
    env = {
      PATH: process.env.PATH ?? '',
      AMQP_URL: vhost.amqpUrl,
      WARREN_MANAGEMENT_URL: vhost.managementUrl,
      LEDGER_URL: `sqlite://${join(folder, 'ledger.db')}`,
      WARREN_SOURCES_DIRS: folder,
    };
    const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' });
    await applyTopology({ amqpUrl: vhost.amqpUrl, managementUrl: vhost.managementUrl, topology });
    ledger = await openLedger(env.LEDGER_URL ?? '');
    await Promise.all(services.map(startService));
  });

  afterAll(async () => {
    const exits = await Promise.all(children.map(terminated));
    await ledger.close();
    await vhost.dispose();
    rmSync(folder, { recursive: true, force: true });
    expect(exits).toEqual(children.map(() => 0));
  });

  describe('a message by the documented fields alone', () => {
    itWith('amqp-publish', 'gets its result when amqp-publish sent it', async () => {
      const id = randomUUID();
      await run('amqp-publish', ['--url', vhost.amqpUrl, '-e', 'submit', '-r', 'summarize', '-b', message(id)]);
      await expectSummary(id);
    });

    itWith('python3-pika', 'gets its result as a reply when pika sent it', async () => {
      const id = randomUUID();
      const printed = await run(
        '/usr/bin/python3',
        [join(root, 'tests', 'integration', 'support', 'publish-and-await-reply.py')],
        message(id),
      );
      const [correlation, ...rest] = printed.split(' ');
      expect(correlation).toBe('mine');
      const reply = JSON.parse(rest.join(' '));
      expect(reply).toMatchObject({ task_id: id, state: 'completed', code: null });
      expect(summarizeResult.parse(reply.result).sentences).toHaveLength(1);
      await expectSummary(id);
    });
  });

  describe('the command line', () => {
    const warren = (...args: string[]) => run(process.execPath, [join(root, 'bin', 'warren'), ...args]);

    it('submits a file, waits, and gives its summary', async () => {
      const printed = await warren(
        'task',
        'submit',
        'summarize',
        '--file',
        join(folder, 'warren.md'),
        '--wait',
        '--json',
      );
      const id: string = JSON.parse(printed).id;
      await until(async () => (await ledger.queries.task(id))?.state === 'completed');
    });

    it('shows, replays and cancels what failed for good', async () => {
      const missing = join(folder, 'not-here.md');
      const submitted = await warren(
        'task',
        'submit',
        'summarize',
        '--input',
        JSON.stringify({ source: { kind: 'file', path: missing } }),
        '--json',
      );
      const id: string = JSON.parse(submitted).id;
      await until(async () => (await ledger.queries.task(id))?.state === 'parked');
      expect(await warren('dead-letters', 'list')).toContain('not-found');
      expect(await warren('dead-letters', 'show', id)).toContain('not-here.md');
      writeFileSync(missing, text);
      await warren('dead-letters', 'replay', id, '--yes');
      await until(async () => (await ledger.queries.task(id))?.state === 'completed');
      expect(await ledger.queries.task(id)).toMatchObject({ attempt: 2, allowanceFrom: 2 });
    });
  });
});
