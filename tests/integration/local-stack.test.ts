import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  brokerFinder,
  localFolder,
  PrivateBroker,
  readStack,
  type StackStatus,
  statusOf,
  stopStack,
} from '@warren/local';
import { processesOf } from './support/processes.js';

/** Works until SIGTERM, then takes a moment to finish; says in its log what it was given. */
const steady = `
const say = (msg, more) => console.log(JSON.stringify({ msg, ...more }));
const { AMQP_URL, LEDGER_URL, WARREN_WORKER_NAME, WARREN_SOURCES_DIRS } = process.env;
const alive = setInterval(() => {}, 1000);
process.on('SIGTERM', () => setTimeout(() => { say('drained'); clearInterval(alive); }, 50));
say('given', { AMQP_URL, LEDGER_URL, WARREN_WORKER_NAME, WARREN_SOURCES_DIRS });
say('ready');
`;
const broken = `console.error('no such thing as a queue'); process.exit(7);`;

/** A broker that nobody starts or stops: nothing listens there. */
const givenBroker = 'amqp://guest:guest@127.0.0.1:1/none';

const projects: string[] = [];

afterEach(async () => {
  for (const project of projects.splice(0)) {
    await stopStack(localFolder(project));
    await PrivateBroker.find(localFolder(project).broker)?.kill();
    rmSync(project, { recursive: true, force: true });
  }
}, 120_000);

describe('the local stack', () => {
  it('goes up behind a supervisor, replaces what is killed, and goes down without a trace', async () => {
    const project = newProject({ alpha: steady, beta: steady });
    const up = await run(project, ['up', '--detach']);
    expect(up).toMatchObject({ code: 0, data: { state: 'ready', delay: 'ladder' } });

    const { data } = await run(project, ['status']);
    expect(data).toMatchObject({
      broker: { amqpUrl: expect.stringMatching(/^amqp:/), managementUrl: expect.stringMatching(/^http:/) },
      ledger: { url: `sqlite://${project}/.warren/ledger.db` },
      services: [
        { name: 'alpha', state: 'ready' },
        { name: 'beta', state: 'ready' },
      ],
      inUse: {
        broker: { from: 'local stack', version: expect.stringMatching(/^\d/) },
        ledger: { from: 'local stack' },
        passesStackBy: false,
      },
    });
    const elsewhere = { AMQP_URL: givenBroker, LEDGER_URL: 'postgres://elsewhere/db' };
    expect(await run(project, ['status'], elsewhere)).toMatchObject({
      code: 1,
      data: {
        state: 'ready',
        inUse: {
          broker: { amqpUrl: givenBroker, from: 'AMQP_URL', version: null },
          ledger: { url: elsewhere.LEDGER_URL, from: 'LEDGER_URL' },
          passesStackBy: true,
        },
      },
    });

    expect(passwordsIn(project, stackOf(project).broker?.amqpUrl ?? '')).toEqual([]);

    const victim = pidOf(project, 'alpha');
    process.kill(victim, 'SIGKILL');
    await until(() => serviceOf(project, 'alpha')?.state === 'ready' && pidOf(project, 'alpha') !== victim);
    expect(serviceOf(project, 'alpha')?.restarts).toBe(1);
    const told = readFileSync(join(project, '.warren', 'logs', 'supervisor.log'), 'utf8').match(/^alpha-1 .*$/gm);
    expect(told).toEqual([
      `alpha-1 (pid ${victim}) was killed by SIGKILL; starts again in 0.5 s`,
      `alpha-1 (pid ${victim}) was killed by SIGKILL; started again as pid ${pidOf(project, 'alpha')}`,
    ]);
    expect((await run(project, ['status'])).data).toMatchObject({ services: [{ name: 'alpha', restarts: 1 }, {}] });

    expect(await run(project, ['down'])).toMatchObject({ code: 0, data: { stopped: true } });
    expect(logOf(project, 'beta')).toContain('drained');
    expect(processesOf(project)).toEqual([]);
    expect(await run(project, ['status'])).toMatchObject({ code: 1, data: { state: 'down', services: [] } });
  }, 240_000);

  it('on a broker that was up before leaves it running, and says at each step what comes next', async () => {
    const project = newProject({ alpha: steady });
    const text = { TEST_OUTPUT: 'text' };
    const { printed: brokerUp } = await run(project, ['broker', 'up'], text);
    const amqpUrl = PrivateBroker.find(localFolder(project).broker)?.amqpUrl ?? '';
    expect(brokerUp).toContain(`AMQP_URL=${amqpUrl} warren topology apply`);
    expect(brokerUp).toContain('"warren broker down" stops it');
    expect(brokerFinder({}, project).missing()).toMatchObject({ next: expect.stringContaining('broker status') });
    expect(brokerFinder({ AMQP_URL: amqpUrl }, project).find()).toMatchObject({ isPrivate: true });
    expect(brokerFinder({ AMQP_URL: givenBroker }, project).find()).toMatchObject({ isPrivate: false });

    const up = await run(project, ['up', '--detach'], text);
    expect(up.printed).toMatch(/\n"warren down" ends it.*\n {2}warren task submit /);
    expect((await run(project, ['broker', 'up'], text)).printed).not.toContain('broker down');
    expect(await run(project, ['broker', 'down'])).toMatchObject({
      code: 1,
      notes: expect.stringMatching(/"warren down" ends the stack first.*then this command stops it/),
    });
    expect(await run(project, ['down'], text)).toMatchObject({
      code: 0,
      printed: expect.stringMatching(/^the stack is down; the broker runs on.*"warren broker down" stops it\n$/),
    });
    expect(await run(project, ['broker', 'down'])).toMatchObject({ code: 0, data: { stopped: true } });
    expect(processesOf(project)).toEqual([]);
  }, 240_000);

  it('drains in the foreground at a signal, and gives the services their addresses', async () => {
    const project = newProject({ alpha: steady });
    const ledgerUrl = `sqlite://${project}/elsewhere.db`;
    const program = startProgram(project, ['up'], { AMQP_URL: givenBroker, LEDGER_URL: ledgerUrl });
    await until(() => serviceOf(project, 'alpha')?.state === 'ready' && stackOf(project).state === 'ready');
    expect(await run(project, ['up'], { AMQP_URL: givenBroker })).toMatchObject({
      code: 1,
      notes: expect.stringContaining('is up already'),
    });

    let told = '';
    program.stderr?.on('data', (chunk) => {
      told += chunk;
    });
    program.kill('SIGTERM');
    expect(await once(program, 'close')).toEqual([0, null]);
    expect(told).toMatch(/\nstopping: .*\nthe stack is down\n$/);
    const log = logOf(project, 'alpha');
    expect(JSON.parse(log.split('\n')[0] ?? '')).toEqual({
      msg: 'given',
      AMQP_URL: givenBroker,
      LEDGER_URL: ledgerUrl,
      WARREN_WORKER_NAME: 'alpha-1',
      WARREN_SOURCES_DIRS: project,
    });
    expect(log).toContain('drained');
    expect(processesOf(project)).toEqual([]);
  }, 60_000);

  it('ends all and says once, of this start alone, why a service does not start', async () => {
    const project = newProject({ alpha: steady, beta: broken });
    for (const _time of ['first', 'second']) {
      const up = await run(project, ['up', '--detach'], { AMQP_URL: givenBroker });
      expect(up.code).toBe(1);
      expect(up.notes).toMatch(/beta-1 did not start \(exit code 7\):\n *no such thing as a queue\n$/);
      expect(up.notes.split('no such thing as a queue')).toHaveLength(2);
    }
    expect(processesOf(project)).toEqual([]);
    expect(stackOf(project).state).toBe('down');
  }, 60_000);

  it('starts nothing where the ledger can not be opened, and says what is wrong with it', async () => {
    const project = newProject({ alpha: steady });
    const env = { AMQP_URL: givenBroker, LEDGER_URL: 'sqlite:///proc/nope/ledger.db' };
    const up = await run(project, ['up', '--detach'], env);
    expect(up.code).toBe(1);
    expect(up.notes).toMatch(/\nthe stack did not start: the ledger \/proc\/nope\/ledger\.db does not answer: .+\n$/);
    expect(readdirSync(join(project, '.warren', 'logs'))).toEqual(['supervisor.log']);
    expect(stackOf(project).state).toBe('down');
  }, 60_000);

  it('ends what a supervisor left that was killed', async () => {
    const project = newProject({ alpha: steady });
    const program = startProgram(project, ['up'], { AMQP_URL: givenBroker });
    await until(() => stackOf(project).state === 'ready');
    const orphan = pidOf(project, 'alpha');
    program.kill('SIGKILL');
    await once(program, 'exit');
    expect((await run(project, ['status'])).data).toMatchObject({ state: 'lost', services: [{ pid: orphan }] });

    await run(project, ['down']);
    expect(processesOf(project)).toEqual([]);
  }, 60_000);

  it('goes up over what a supervisor left that was killed, and says so meanwhile', async () => {
    const project = newProject({ alpha: steady });
    const program = startProgram(project, ['up'], { AMQP_URL: givenBroker });
    await until(() => stackOf(project).state === 'ready');
    program.kill('SIGKILL');
    await once(program, 'exit');
    const up = await run(project, ['up', '--detach'], { AMQP_URL: givenBroker });
    expect(up).toMatchObject({ code: 0, data: { state: 'ready' } });
    expect(up.notes).toContain(`the supervisor before (pid ${program.pid}) is gone: ending what it left\n`);
    expect(up.notes).toContain('starting 1 service\n');
  }, 60_000);

  it('is started once, however many start it', async () => {
    const project = newProject({ alpha: steady });
    const start = () => run(project, ['up', '--detach'], { AMQP_URL: givenBroker });
    const both = await Promise.all([start(), start()]);
    expect(both).toMatchObject([
      { code: 0, data: { state: 'ready' } },
      { code: 0, data: { state: 'ready' } },
    ]);
    expect(both.filter(({ notes }) => notes.includes('the stack is up already'))).toHaveLength(1);
  }, 60_000);
});

function newProject(services: Readonly<Record<string, string>>): string {
  const project = mkdtempSync(join(tmpdir(), 'warren-stack-'));
  projects.push(project);
  for (const [name, program] of Object.entries(services)) {
    const folder = join(project, 'services', name);
    mkdirSync(join(folder, 'dist'), { recursive: true });
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ type: 'module', warren: { service: { replicas: 1 } } }),
    );
    writeFileSync(join(folder, 'dist', 'main.js'), program);
  }
  return project;
}

function startProgram(
  project: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const program = fileURLToPath(new URL('./support/local-program.mjs', import.meta.url));
  const { PATH = '', HOME = '' } = process.env;
  return spawn(process.execPath, [program, ...args], { env: { PATH, HOME, TEST_PROJECT: project, ...env } });
}

/** Runs a command to its end: exit code, what it printed as data, and what it told the person. */
async function run(
  project: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: unknown; data: unknown; printed: string; notes: string }> {
  const program = startProgram(project, args, env);
  const printed = { stdout: '', stderr: '' };
  program.stdout?.on('data', (chunk) => {
    printed.stdout += chunk;
  });
  program.stderr?.on('data', (chunk) => {
    printed.stderr += chunk;
  });
  const [code] = await once(program, 'close');
  const { stdout, stderr } = printed;
  return { code, data: stdout.startsWith('{') ? JSON.parse(stdout) : undefined, printed: stdout, notes: stderr };
}

function stackOf(project: string): StackStatus {
  return statusOf(readStack(localFolder(project)));
}

function serviceOf(project: string, name: string): StackStatus['services'][number] | undefined {
  return stackOf(project).services.find((service) => service.name === name);
}

function pidOf(project: string, name: string): number {
  return serviceOf(project, name)?.pid ?? 0;
}

function logOf(project: string, name: string): string {
  return readFileSync(join(project, '.warren', 'logs', `${name}-1.log`), 'utf8');
}

/** The logs of the stack and of the broker that hold the password of this address. */
function passwordsIn(project: string, amqpUrl: string): string[] {
  const { password } = new URL(amqpUrl);
  const folders = ['.warren/logs', '.warren/broker/log'].map((folder) => join(project, folder));
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  // The tests' own services print the environment that they were given.
  return files.filter((file) => !/-1\.log$/.test(file) && readFileSync(file, 'utf8').includes(password));
}

/** Bounded by the test's own timeout. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}
