import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openLedger } from '@warren/ledger';
import { isFinal } from '@warren/tasks';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { processesOf } from './support/processes.js';
import { projectRoot } from './support/services.js';

/** The demo of `npm start -- --once`, with the services that ship, in a folder of its own. */
describe('the demo', () => {
  let vhost: FreshVhost;
  let project: string;

  beforeEach(async () => {
    vhost = await freshVhost();
    project = mkdtempSync(join(tmpdir(), 'warren-demo-'));
    symlinkSync(join(projectRoot, 'services'), join(project, 'services'));
    cpSync(join(projectRoot, 'README.md'), join(project, 'README.md'));
    cpSync(join(projectRoot, 'docs'), join(project, 'docs'), { recursive: true });
  });

  afterEach(async () => {
    rmSync(project, { recursive: true, force: true });
    await vhost.dispose();
  });

  const demoProgram = [join(projectRoot, 'tests', 'integration', 'support', 'demo-program.mjs'), 'demo', '--once'];
  const environment = () => ({
    PATH: process.env.PATH ?? '',
    AMQP_URL: vhost.amqpUrl,
    WARREN_MANAGEMENT_URL: vhost.managementUrl,
    TEST_PROJECT: project,
  });

  it('leaves no process when nobody reads on, as behind `| head`', async () => {
    const demo = spawn(process.execPath, demoProgram, { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = once(demo, 'exit');
    await new Promise<void>((resolve) => {
      createInterface({ input: demo.stderr }).on('line', (line) => line.startsWith('submitted') && resolve());
    });
    demo.stdout.destroy();
    demo.stderr.destroy();
    await exited;
    expect(processesOf(project)).toEqual([]);
  }, 180_000);

  it('broken off, leaves none of its tasks open', async () => {
    const demo = spawn(process.execPath, demoProgram, { env: environment(), stdio: ['ignore', 'ignore', 'pipe'] });
    const exited = once(demo, 'exit');
    await new Promise<void>((resolve) => {
      createInterface({ input: demo.stderr }).on('line', (line) => line.includes('is scheduled') && resolve());
    });
    demo.kill('SIGINT');
    expect(await exited).toEqual([130, null]);
    const ledger = await openLedger(join(project, '.warren', 'ledger.db'));
    const left = await ledger.queries.tasks({ limit: 100 });
    await ledger.close();
    expect(left).toHaveLength(6);
    expect(left.map(({ state }) => state)).toContain('cancelled');
    expect(left.filter(({ state }) => !isFinal(state) && state !== 'parked')).toEqual([]);
  }, 180_000);

  it('completes five tasks, one of them on its third attempt, parks two, loses none, and leaves no process', async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, demoProgram, {
      env: environment(),
      timeout: 150_000,
    });
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('demo: submitted=7 completed=5 retried=1 parked=2 lost=0');
    // What the stopped stack can't answer is said to need it.
    expect(stdout).toMatch(/dead-letters show(.|\n)*start the stack again first:\n {2}\S+ up --detach\n/);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('the stack is down');
    expect(stderr.match(/^submitted [0-9a-f-]{36}: /gm)).toHaveLength(7);
    expect(stderr.trimEnd().split('\n').length).toBeLessThan(25);
    expect(stdout).toMatch(/\[(README\.md|docs\/[\w./-]+):\d+\]/);
    expect(processesOf(project)).toEqual([]);
  }, 180_000);
});
