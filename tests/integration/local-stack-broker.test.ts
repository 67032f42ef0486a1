import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connectBroker, createDispatcher, createPublisher, delayBy } from '@warren/broker';
import { createIntake } from '@warren/intake';
import { type Ledger, openLedger } from '@warren/ledger';
import { localFolder, readStack, type StackStatus, statusOf, stopStack } from '@warren/local';
import { pino } from 'pino';
import { z } from 'zod';
import { processesOf } from './support/processes.js';
import { projectRoot } from './support/services.js';
import { until } from './support/until.js';

/** The stack that ships, with its own private broker, in a folder of its own. */
describe('a broker that is killed under a detached stack', () => {
  let project: string;

  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), 'warren-stack-broker-'));
    symlinkSync(join(projectRoot, 'services'), join(project, 'services'));
    cpSync(join(projectRoot, 'README.md'), join(project, 'README.md'));
  });

  afterEach(async () => {
    await stopStack(localFolder(project));
    rmSync(project, { recursive: true, force: true });
  }, 120_000);

  it('is told, shown as degraded, started again, and costs no task', async () => {
    const source = await slowSource();
    const up = await run(project, ['up', '--detach'], { WARREN_SOURCES_ALLOW_HOSTS: source.host });
    expect(up).toMatchObject({ code: 0, data: { state: 'ready', broker: { node: { state: 'ready', restarts: 0 } } } });
    const before = statusNow(project);
    const victim = before.broker?.node?.pid ?? 0;
    const ground = await openGround(before);
    try {
      const inHand = randomUUID();
      await ground.submit(inHand, { source: { kind: 'url', url: source.url } });
      const held = await source.asked;

      process.kill(victim, 'SIGKILL');
      await until(() => statusNow(project).state === 'degraded');
      const degraded = await run(project, ['status']);
      expect(degraded).toMatchObject({
        code: 1,
        data: { state: 'degraded', broker: { node: { state: 'restarting' } } },
      });
      const whileAway = randomUUID();
      const submitted = ground.submit(whileAway, { text: 'The broker is away. This waits for it.' });
      expect(await run(project, ['broker', 'down'])).toMatchObject({
        code: 1,
        notes: expect.stringContaining('"warren down" ends the stack with its broker'),
      });

      await until(() => statusNow(project).state === 'ready');
      held.end('<p>The page answers at last. It took its time.</p>');
      await submitted;
      for (const id of [inHand, whileAway]) {
        await until(async () => (await ground.ledger.queries.task(id))?.state === 'completed');
      }

      const after = statusNow(project).broker?.node;
      expect(after).toMatchObject({ state: 'ready', restarts: 1 });
      expect(after?.pid).not.toBe(victim);
      expect(toldOfBroker(project)).toEqual([
        `broker (pid ${victim}) was killed by SIGKILL; starts again in 0.5 s`,
        `broker (pid ${victim}) was killed by SIGKILL; started again as pid ${after?.pid}`,
      ]);
    } finally {
      await ground.close();
      await source.close();
    }
    expect(await run(project, ['down'])).toMatchObject({ code: 0, data: { stopped: true } });
    expect(processesOf(project)).toEqual([]);
  }, 240_000);
});

/** A page that holds its first request until the test answers it; the later ones have their answer at once. */
async function slowSource() {
  let ask: (response: ServerResponse) => void = () => {};
  const asked = new Promise<ServerResponse>((resolve) => {
    ask = resolve;
  });
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    if (requests === 1) ask(response);
    else response.end('<p>The page answers at once. It was asked before.</p>');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = z.object({ port: z.number() }).parse(server.address());
  return {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/`,
    asked,
    async close() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

interface Ground {
  readonly ledger: Ledger;
  submit(id: string, input: unknown): Promise<void>;
  close(): Promise<void>;
}

async function openGround({ broker, ledger: at }: StackStatus): Promise<Ground> {
  const ledger = await openLedger(at?.url ?? '');
  const connection = await connectBroker({
    urls: broker?.amqpUrl ?? '',
    name: 'test',
    log: pino({ level: 'silent' }),
  });
  const publisher = createPublisher(connection);
  const dispatcher = createDispatcher({
    ledger,
    publisher,
    delay: delayBy('ladder'),
    now: Date.now,
    newCopy: randomUUID,
  });
  const intake = createIntake({ ledger, dispatcher });
  return {
    ledger,
    async submit(id, input) {
      expect(await intake.submit({ type: 'summarize', id, input })).toMatchObject({ kind: 'accepted' });
    },
    async close() {
      await publisher.close();
      await connection.close();
      await ledger.close();
    },
  };
}

function statusNow(project: string): StackStatus {
  return statusOf(readStack(localFolder(project)));
}

function toldOfBroker(project: string): string[] | null {
  return readFileSync(join(project, '.warren', 'logs', 'supervisor.log'), 'utf8').match(/^broker .*$/gm);
}

async function run(
  project: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: unknown; data: unknown; notes: string }> {
  const program = fileURLToPath(new URL('./support/local-program.mjs', import.meta.url));
  const { PATH = '', HOME = '' } = process.env;
  const child: ChildProcess = spawn(process.execPath, [program, ...args], {
    env: { PATH, HOME, TEST_PROJECT: project, TEST_TOPOLOGY: 'real', ...env },
  });
  const printed = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    printed.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    printed.stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, data: printed.stdout === '' ? undefined : JSON.parse(printed.stdout), notes: printed.stderr };
}
