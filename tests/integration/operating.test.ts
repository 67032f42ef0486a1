import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { localFolder, stopStack } from '@warren/local';
import { z } from 'zod';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { needing } from './support/foreign-tools.js';
import { projectRoot } from './support/services.js';

/** What docs/operating.md shows is run here, as it stands there, on the logs of the stack that ships. */
const page = readFileSync(join(projectRoot, 'docs', 'operating.md'), 'utf8');
const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
const [recipe = '', ...otherRecipes] = blocks.filter((block) => block.includes('jq '));
const [comparing = '', replacing = '', ...others] = blocks.filter((block) => !block.includes('jq '));
const [, task = ''] = /^id=(\S+)$/m.exec(recipe) ?? [];

const jq = needing('jq');

const line = z.object({ time: z.number(), service: z.string(), dispatch: z.number(), msg: z.string() });

describe(`docs/operating.md${jq.why}`, () => {
  let vhost: FreshVhost;
  let project: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    vhost = await freshVhost();
    project = mkdtempSync(join(tmpdir(), 'warren-operating-'));
    symlinkSync(join(projectRoot, 'services'), join(project, 'services'));
    const { PATH = '' } = process.env;
    const { amqpUrl: AMQP_URL, managementUrl: WARREN_MANAGEMENT_URL } = vhost;
    env = { PATH, AMQP_URL, WARREN_MANAGEMENT_URL, LEDGER_URL: `sqlite://${localFolder(project).ledgerFile}` };
    const program = join(projectRoot, 'tests', 'integration', 'support', 'local-program.mjs');
    const ofStack = { ...env, TEST_PROJECT: project, TEST_TOPOLOGY: 'real' };
    await promisify(execFile)(process.execPath, [program, 'up', '--detach'], { env: ofStack });
  }, 120_000);

  afterAll(async () => {
    await stopStack(localFolder(project));
    rmSync(project, { recursive: true, force: true });
    await vhost.dispose();
  }, 120_000);

  jq.it('follows one task through the logs', async () => {
    const submit = ['task', 'submit', 'summarize', '--text', 'Rabbits dig. Warrens last.', '--id', task, '--wait'];
    await promisify(execFile)(process.execPath, [join(projectRoot, 'bin', 'warren'), ...submit], { env });
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', recipe], { cwd: project, env });
    expect(stderr).toBe('');
    const told = stdout
      .trimEnd()
      .split('\n')
      .map((text) => line.parse(JSON.parse(text)).msg);
    expect(told).toEqual(['task claimed', 'task completed']);
    expect(otherRecipes).toEqual([]);
  });

  it('compares what the stack made with what it should be, and applies it again', async () => {
    expect(await printedBy(comparing)).toEqual([
      expect.stringMatching(/^no difference/),
      expect.stringMatching(/all of them were there already\n$/),
    ]);
  });

  it('replaces no queue that is as it should be', async () => {
    const nothing = expect.stringMatching(/^nothing to replace/);
    expect(await printedBy(replacing)).toEqual([nothing, nothing]);
    expect(others).toEqual([]);
  });

  async function printedBy(block: string): Promise<readonly string[]> {
    const printed = block
      .trimEnd()
      .split('\n')
      .map(async (command) => {
        const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: projectRoot, env });
        return stdout;
      });
    return await Promise.all(printed);
  }
});
