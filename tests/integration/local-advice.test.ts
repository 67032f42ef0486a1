import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { addTopologyCommands } from '@warren/broker';
import type { CommandContext } from '@warren/cli';
import { addDeadLetterCommands } from '@warren/dlq-processor';
import { openLedger } from '@warren/ledger';
import { brokerFinder, findLocalStack, localFolder, localStackSilence, type Stack, startStack } from '@warren/local';
import { addTaskCommands } from '@warren/producer';
import type { Command } from 'commander';
import { z } from 'zod';
import { identifyProcess } from '../../packages/local/src/processes.js';
import { type StackRecord, stackRecord } from '../../packages/local/src/stack-state.js';
import { writeState } from '../../packages/local/src/state-file.js';
import { type Ended, runCommandLine } from './support/command-line.js';
import { until } from './support/until.js';

let project: string;
let ledgerUrl: string;

beforeEach(async () => {
  project = mkdtempSync(join(tmpdir(), 'warren-advice-'));
  mkdirSync(localFolder(project).logs, { recursive: true });
  ledgerUrl = join(project, 'ledger.db');
  await (await openLedger(ledgerUrl)).close();
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

/** Every noun that speaks to the broker, on the stack of this test's project. */
function addCommands(program: Command, context: CommandContext): void {
  const findStack = () => findLocalStack(project);
  const stackSilence = () => localStackSilence(project);
  const stdin = Object.assign(Readable.from(['']), { isTTY: false });
  const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
  addTopologyCommands(program, { ...context, brokerFinder: brokerFinder(context.env, project) });
  addDeadLetterCommands(program, context, { findStack, stackSilence, stdin, stderr });
  addTaskCommands(program, context, { findStack, stackSilence, stdin });
}

const warren = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  runCommandLine([...args, '--json'], env, addCommands);

const errorShape = z.object({ error: z.object({ code: z.string(), next: z.string(), message: z.string() }) });

function errorOf({ stderr }: Ended) {
  return errorShape.parse(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).error;
}

/** What the supervisor of a stack notes whose broker is as it says; nothing listens at its addresses. */
function noteStack(node: 'ready' | 'restarting' | 'failed'): void {
  const own = identifyProcess(process.pid);
  const record: StackRecord = stackRecord.parse({
    supervisor: own,
    state: 'ready',
    broker: {
      amqpUrl: 'amqp://warren:s3cret@127.0.0.1:1/warren',
      managementUrl: 'http://warren:s3cret@127.0.0.1:1',
      version: '3.10.8',
      startedHere: true,
      node: { state: node, process: node === 'ready' ? own : null, restarts: 1, log: 'node.log' },
    },
    delay: 'ladder',
    ledger: { url: ledgerUrl },
    services: [],
  });
  writeState(localFolder(project).stackFile, record);
}

const submission = ['task', 'submit', 'summarize', '--text', 'Rabbits dig.'];

describe("the local stack's broker does not answer", () => {
  it.each([
    ['topology apply', ['topology', 'apply']],
    ['topology show', ['topology', 'show']],
    ['topology draw', ['topology', 'draw']],
    ['dead-letters replay', ['dead-letters', 'replay', randomUUID()]],
    ['task submit', submission],
    ['publish', ['publish', ...submission.slice(2)]],
  ])('%s says that it is being started again, and when to try again', async (_name, args) => {
    noteStack('restarting');
    const ended = await warren(args);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    const { code, next } = errorOf(ended);
    expect(code).toBe('network');
    expect(next).toContain('its supervisor is starting it again: try again when "warren status" says');
    expect(ended.stderr).not.toContain('s3cret');
  });

  it.each([
    ['failed', /is not started any more: "warren broker logs" shows why/],
    ['ready', /"warren status" names its logs/],
  ] as const)('what is said where the supervisor takes it for %s', async (node, expected) => {
    noteStack(node);
    expect(errorOf(await warren(['topology', 'apply'])).next).toMatch(expected);
    expect(errorOf(await warren(['topology', 'show'])).next).toMatch(
      new RegExp(`${expected.source}.*; or say "--delay ladder"`),
    );
    expect(errorOf(await warren(['dead-letters', 'replay', randomUUID()])).next).toMatch(expected);
  });

  it('a broker that AMQP_URL names is not taken for it', async () => {
    noteStack('restarting');
    const elsewhere = { AMQP_URL: 'amqp://127.0.0.1:1', LEDGER_URL: ledgerUrl };
    for (const args of [['topology', 'apply'], ['dead-letters', 'replay', randomUUID()], submission]) {
      expect(errorOf(await warren(args, elsewhere))).toMatchObject({
        code: 'network',
        next: 'check that it runs and that AMQP_URL is right',
      });
    }
  });

  it('broker ui says so too, not that a plugin were missing', async () => {
    noteStack('restarting');
    const { code, notes } = await local(['broker', 'ui']);
    expect(code).toBe(1);
    expect(notes).toContain("nobody answers at http://127.0.0.1:1/#/queues: the local stack's broker is down");
    expect(notes).not.toContain('rabbitmq_management');
  });
});

describe('a ledger that does not answer', () => {
  it.each([
    ['dead-letters list', ['dead-letters', 'list']],
    ['task list', ['task', 'list']],
  ])('%s says which variable to look at', async (_name, args) => {
    const env = { AMQP_URL: 'amqp://127.0.0.1:1', LEDGER_URL: 'postgres://me:s3cret@127.0.0.1:1/warren' };
    const ended = await warren(args, env);
    expect(ended.code).toBe(1);
    expect(errorOf(ended)).toMatchObject({ code: 'network', next: 'check that it runs and that LEDGER_URL is right' });
    expect(ended.stderr).not.toContain('s3cret');
  });
});

describe('a service that ends again and again', () => {
  const steady = `setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0)); console.log('{"msg":"ready"}');`;
  /** Works, and ends by itself, each time. */
  const failing = `console.log('{"msg":"ready"}'); console.error('no such thing as a queue'); process.exitCode = 7;`;

  let stack: Stack;

  beforeEach(async () => {
    for (const [name, program] of Object.entries({ failing, steady })) {
      const folder = join(project, 'services', name);
      mkdirSync(join(folder, 'dist'), { recursive: true });
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', warren: { service: {} } }));
      writeFileSync(join(folder, 'dist', 'main.js'), program);
    }
    const { PATH } = process.env;
    stack = await startStack({
      folder: localFolder(project),
      // Nothing listens there: these services need no broker.
      env: { PATH, AMQP_URL: 'amqp://127.0.0.1:1', LEDGER_URL: ledgerUrl },
      applyTopology: async () => 'ladder',
      onProgress: () => undefined,
      restartWaitMs: (ended) => (ended > 2 ? undefined : 1),
    });
  });

  afterEach(() => stack.stop());

  it('is given up, and the stack is degraded, with what to do next', async () => {
    await until(() => stack.status().services.some(({ state }) => state === 'failed'));
    const log = join(localFolder(project).logs, 'failing-1.log');
    const next = `its log ${log} shows why; "warren down", then "warren up --detach" starts it anew`;
    const what = 'failing-1 ended again and again, and is not started any more';

    const asJson = await local(['status']);
    expect(asJson).toMatchObject({
      code: 1,
      data: {
        state: 'degraded',
        trouble: { what, next },
        services: [
          { name: 'failing', state: 'failed', restarts: 2, pid: null },
          { name: 'steady', state: 'ready' },
        ],
      },
    });
    const asText = await local(['status'], { TEST_OUTPUT: 'text' });
    expect(asText.code).toBe(1);
    expect(asText.printed).toContain(`stack       degraded: ${what}; ${next}\n`);
  });
});

/** The stack's and the broker's commands as a process, on this test's project. */
async function local(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: unknown; printed: string; data: unknown; notes: string }> {
  const program = fileURLToPath(new URL('./support/local-program.mjs', import.meta.url));
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [program, ...args], { env: { PATH, HOME, TEST_PROJECT: project, ...env } });
  const told = { printed: '', notes: '' };
  child.stdout.on('data', (chunk) => {
    told.printed += chunk;
  });
  child.stderr.on('data', (chunk) => {
    told.notes += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, ...told, data: told.printed.startsWith('{') ? JSON.parse(told.printed) : undefined };
}
