import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  constants,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, sep } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'amqplib';
import { z } from 'zod';
import { processesOf } from './support/processes.js';
import { projectRoot } from './support/services.js';

/** A step of the page, as it stands there. */
type Step =
  | { readonly kind: 'write' | 'append'; readonly file: string; readonly text: string }
  | { readonly kind: 'run'; readonly script: string; readonly exitCode: number };

interface Ran {
  readonly script: string;
  readonly stdout: string;
  readonly stderr: string;
}

const page = readFileSync(join(projectRoot, 'docs', 'add-a-worker.md'), 'utf8');

/** A block of code stands under the name of its file; one of commands says in its first line how it ends, if not well. */
const block =
  /(?:^(?<add>Add to )?`(?<file>[\w./-]+)`:\n\n)?^```(?<language>\w+)(?: exit-code=(?<code>\d+))?\n(?<text>.*?)^```$/gms;

const steps: readonly Step[] = [...page.matchAll(block)].map(({ groups = {} }): Step => {
  const { add, file, language, code = '0', text = '' } = groups;
  if (file !== undefined) return { kind: add === undefined ? 'write' : 'append', file, text };
  if (language !== 'sh') throw new Error(`a block of the page has neither a file nor commands:\n${text}`);
  return { kind: 'run', script: text, exitCode: Number(code) };
});

describe('docs/add-a-worker.md', () => {
  let checkout: string;
  const ran: Ran[] = [];
  let queue: unknown;

  beforeAll(() => {
    checkout = mkdtempSync(join(tmpdir(), 'warren-add-a-worker-'));
    // A private broker that root starts runs as another user, and must be able to pass through.
    chmodSync(checkout, 0o711);
    cpSync(projectRoot, checkout, {
      recursive: true,
      verbatimSymlinks: true,
      mode: constants.COPYFILE_FICLONE,
      preserveTimestamps: true,
      filter: isCheckedOut,
    });
  }, 120_000);

  afterAll(async () => {
    // Where nothing was compiled there is nothing to end.
    await run('bin/warren down').catch(() => undefined);
    for (const pid of processesOf(checkout)) process.kill(pid, 'SIGKILL');
    rmSync(checkout, { recursive: true, force: true });
  }, 120_000);

  it('takes no other edit than one file, one folder and one line', () => {
    const edits = steps.flatMap((step) => (step.kind === 'run' ? [] : [`${step.kind} ${placeOf(step.file)}`]));
    expect([...new Set(edits)].toSorted()).toEqual([
      'append packages/tasks/src/registry.ts',
      'write packages/tasks/src/find-duplicates.ts',
      'write services/find-duplicates-worker',
    ]);
    const lines = steps.flatMap((step) => (step.kind === 'append' ? [step.text.trim().split('\n').length] : []));
    expect(lines).toEqual([1]);
  });

  it('works word for word', async () => {
    for (const step of steps) {
      switch (step.kind) {
        case 'write':
          mkdirSync(dirname(join(checkout, step.file)), { recursive: true });
          writeFileSync(join(checkout, step.file), step.text, { flag: 'wx' });
          break;
        case 'append':
          appendFileSync(join(checkout, step.file), step.text);
          break;
        case 'run':
          await run(step.script, step.exitCode);
          if (step.script.includes('up --detach')) queue = await queueOfTheStack();
      }
    }
  }, 300_000);

  it('gives a worker that works what is submitted, and parks what nobody can work', () => {
    const [completed, parked, listed] = ['submit find-duplicates.*docs', 'not-here', 'dead-letters list'].map(ranLike);
    expect(JSON.parse(completed?.stdout ?? '')).toMatchObject({ duplicates: [], files: expect.any(Number) });
    expect(completed?.stderr).toContain('reading docs/');
    expect(parked?.stderr).toContain('not-here does not exist');
    expect(listed?.stdout).toMatch(/find-duplicates.*not-found/);
  });

  it('makes a type that the broker, the topology and the command line know', async () => {
    expect(queue).toEqual({ queue: 'tasks.find-duplicates', messageCount: 0, consumerCount: 1 });
    expect((await run('bin/warren topology show')).stdout).toMatch(/^tasks\.find-duplicates\b/m);
    expect((await run('bin/warren task submit --help')).stdout).toContain('find-duplicates (tell which files');
  });

  it('shows code as this project writes it', async () => {
    const places = 'packages/tasks services/find-duplicates-worker';
    const checks = [
      `npx biome check ${places}`,
      'npx depcruise --config .dependency-cruiser.cjs packages topology services',
    ];
    for (const check of checks) await run(check);
  }, 120_000);

  it('leaves no process', () => {
    expect(processesOf(checkout)).toEqual([]);
  });

  /** As a person does in a fresh terminal: nothing of this run's own broker. */
  async function run(script: string, exitCode = 0): Promise<Ran> {
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, npm_config_prefer_offline: 'true', npm_config_update_notifier: 'false' };
    const shell = spawn('bash', ['-e', '-c', script], { cwd: checkout, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const printed = { stdout: '', stderr: '' };
    shell.stdout.on('data', (chunk) => {
      printed.stdout += chunk;
    });
    shell.stderr.on('data', (chunk) => {
      printed.stderr += chunk;
    });
    const [code] = await once(shell, 'close');
    const { stdout, stderr } = printed;
    if (code !== exitCode) throw new Error(`exit code ${code}, not ${exitCode}, of:\n${script}\n${stdout}\n${stderr}`);
    ran.push({ script, ...printed });
    return { script, ...printed };
  }

  async function queueOfTheStack(): Promise<unknown> {
    const { broker } = z
      .object({ broker: z.object({ amqpUrl: z.string() }) })
      .parse(JSON.parse((await run('bin/warren status --json')).stdout));
    const connection = await connect(broker.amqpUrl);
    const channel = await connection.createChannel();
    const found = await channel.checkQueue('tasks.find-duplicates');
    await connection.close();
    return found;
  }

  function ranLike(pattern: string): Ran | undefined {
    return ran.find(({ script }) => new RegExp(pattern).test(script));
  }
});

/** What was compiled, and what this machine keeps, is no part of a checkout; the packages are copied to save their installation. */
function isCheckedOut(path: string): boolean {
  const way = relative(projectRoot, path);
  return way.split(sep).includes('node_modules') || !['dist', '.git', '.warren'].includes(basename(path));
}

/** A file below `services/` stands for its service's folder. */
function placeOf(file: string): string {
  return file.startsWith('services/') ? file.split('/').slice(0, 2).join('/') : file;
}
