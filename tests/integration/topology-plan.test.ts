import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  addTopologyCommands,
  applyTopology,
  hasDelayPlugin,
  type ManagementClient,
  managementAddress,
  managementClient,
  readyCount,
} from '@warren/broker';
import { defaultPolicy, type TaskType } from '@warren/tasks';
import { type PlanStep, queueProfiles, stepText, topologyFor } from '@warren/topology';
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { Command } from 'commander';
import { z } from 'zod';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { projectRoot } from './support/services.js';

jest.setTimeout(120_000);

const types: readonly TaskType[] = [typeOf('echo'), typeOf('web-search')];
/** Another ladder than the one that the commands build. */
const small = { types, delay: 'ladder', ladder: { unitMs: 60_000, levels: 2 }, profile: 'classic' } as const;
const hasPlugin = await brokerHasPlugin();
const itOnPlugin = hasPlugin ? it : it.skip;

let vhost: FreshVhost;
let management: ManagementClient;
let connection: ChannelModel;
let channel: ConfirmChannel;

beforeEach(async () => {
  vhost = await freshVhost();
  management = managementClient(managementAddress(vhost.amqpUrl, vhost.managementUrl));
  connection = await connect(vhost.amqpUrl, { noDelay: true });
  channel = await connection.createConfirmChannel();
});

afterEach(async () => {
  await connection.close();
  await vhost.dispose();
});

describe('warren topology plan', () => {
  it.each(queueProfiles)('finds no difference right after apply, delay by the ladder, profile %s', async (profile) => {
    await noDifferenceAfterApply('ladder', profile);
  });

  itOnPlugin.each(queueProfiles)('the same, delay by the plugin, profile %s', async (profile) => {
    await noDifferenceAfterApply('plugin', profile);
  });

  async function noDifferenceAfterApply(delay: string, profile: string): Promise<void> {
    const before = await run(['plan', '--delay', delay], { profile });
    expect(before.exitCode).toBe(4);
    expect(new Set(before.steps.map(({ action }) => action))).toEqual(new Set(['create']));
    expect(before.text.split('\n')).toEqual(before.steps.map(stepText));
    const applied = await run(['apply', '--delay', delay], { profile });
    expect(applied.exitCode).toBe(0);
    expect(applied.value).toMatchObject({ deleted: [], left: [], made: countOf(before.steps) });
    const after = await run(['plan', '--delay', delay], { profile });
    expect(after.value).toEqual({ vhost: vhost.vhost, delay, profile, steps: [], warnings: [] });
    expect(after.text).toBe(`no difference: vhost "${vhost.vhost}" holds what it should`);
    expect(after.exitCode).toBe(0);
  }

  it('needs the management API, and says what to do without it; apply goes on without it', async () => {
    const nobody = { managementUrl: 'http://127.0.0.1:1' };
    await expect(run(['plan'], nobody)).rejects.toThrow(
      /^what the broker holds can't be compared, .*: no answer to GET http:\/\/127\.0\.0\.1:1\/.* set WARREN_MANAGEMENT_URL/,
    );
    const applied = await run(['apply', '--delay', 'ladder'], nobody);
    expect(applied.exitCode).toBe(0);
    expect(applied.value).toMatchObject({ made: null, warnings: [expect.stringContaining('were not set')] });
    // The policies alone are missing.
    expect((await run(['plan', '--delay', 'ladder'])).texts).toEqual([
      'create policy tasks.echo: it is missing',
      'create policy tasks.web-search: it is missing',
    ]);
  });

  it('is what apply --dry-run prints, with its exit code', async () => {
    const planned = await run(['plan', '--delay', 'ladder']);
    expect(await run(['apply', '--dry-run', '--delay', 'ladder'])).toEqual(planned);
    expect((await management.queues(vhost.vhost)).length).toBe(0);
  });

  it('ends with these exit codes as a command too, and apply needs no terminal', async () => {
    expect(await warren('plan', '--delay', 'ladder')).toMatchObject({ code: 4 });
    expect(await warren('apply', '--delay', 'ladder')).toMatchObject({ code: 0 });
    expect(await warren('plan', '--delay', 'ladder')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^no difference/),
    });
    await channel.assertQueue('tasks.gone', { durable: true });
    const applied = await warren('apply', '--delay', 'ladder');
    expect(applied).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('left: queue tasks.gone; nobody can be asked'),
    });
    expect(await warren('plan', '--delay', 'ladder')).toMatchObject({
      code: 4,
      stdout: 'delete queue tasks.gone: there is no task type "gone"\n',
    });
  });
});

describe('a difference', () => {
  beforeEach(async () => {
    await run(['apply', '--delay', 'ladder']);
  });

  it('of a TTL is a change of the policy', async () => {
    const shorter = [typeOf('echo', 60_000), typeOf('web-search')];
    expect((await run(['plan', '--delay', 'ladder'], { types: shorter })).texts).toEqual([
      'change policy tasks.echo: message-ttl is 3600000, should be 60000',
    ]);
    await run(['apply', '--delay', 'ladder'], { types: shorter });
    expect((await run(['plan', '--delay', 'ladder'], { types: shorter })).exitCode).toBe(0);
  });

  it('of a missing binding is made good, of one too many deleted', async () => {
    await channel.unbindQueue('tasks.echo', 'tasks', 'echo.*');
    await channel.bindQueue('tasks.web-search', 'tasks', 'echo.*');
    expect((await run(['plan', '--delay', 'ladder'])).texts).toEqual([
      'create binding tasks -> queue tasks.echo by echo.*: it is missing',
      'delete binding tasks -> queue tasks.web-search by echo.*: it is not part of the topology',
    ]);
    const applied = await run(['apply', '--delay', 'ladder', '--yes']);
    expect(applied.value).toMatchObject({
      made: { exchanges: 0, queues: 0, bindings: 1, policies: 0 },
      deleted: [{ kind: 'binding', name: 'tasks -> queue tasks.web-search by echo.*' }],
    });
    expect((await run(['plan', '--delay', 'ladder'])).exitCode).toBe(0);
  });

  it('of an argument is a replacement, which apply leaves to migrate while it does all else', async () => {
    await channel.deleteQueue('tasks.echo');
    await channel.assertQueue('tasks.echo', {
      durable: true,
      arguments: { ...argumentsOf('tasks.echo'), 'x-max-priority': 3 },
    });
    await channel.unbindQueue('dead-letters', 'dead', '#');
    const replacement =
      'replace queue tasks.echo: x-max-priority is 3, should be 9; run "warren topology migrate", which puts tasks.echo.g2 in its place';
    const applied = await run(['apply', '--delay', 'ladder']);
    expect(applied.exitCode).toBe(3);
    expect(applied.notes).toContain(replacement);
    expect(applied.value).toMatchObject({ made: { exchanges: 0, queues: 0, bindings: 3 } });
    expect((await run(['plan', '--delay', 'ladder'])).texts).toEqual([replacement]);
    // The standing queue goes on taking the tasks.
    await publish('tasks', 'echo.normal');
    expect(await readyCount(vhost.amqpUrl, 'tasks.echo')).toBe(1);
    expect(await readyCount(vhost.amqpUrl, 'tasks.echo.g2')).toBeUndefined();
  });

  it('of two generations is a replacement in progress, and nothing is left to apply', async () => {
    await channel.deleteQueue('tasks.echo');
    await channel.assertQueue('tasks.echo', {
      durable: true,
      arguments: { ...argumentsOf('tasks.echo'), 'x-max-priority': 3 },
    });
    await channel.assertQueue('tasks.echo.g2', { durable: true, arguments: argumentsOf('tasks.echo') });
    const applied = await run(['apply', '--delay', 'ladder', '--yes']);
    expect(applied.exitCode).toBe(0);
    expect(applied.value).toMatchObject({ deleted: [], made: { queues: 0, bindings: 2 } });
    const planned = await run(['plan', '--delay', 'ladder']);
    expect(planned.exitCode).toBe(4);
    expect(planned.texts).toEqual([
      'replace queue tasks.echo: in progress, 0 messages left; tasks.echo.g2 has taken its place',
    ]);
  });

  it("of an operator's policy is none, but warned of", async () => {
    await management.putPolicy(vhost.vhost, operatorPolicy());
    const { warnings, exitCode, notes } = await run(['plan', '--delay', 'ladder']);
    expect(exitCode).toBe(0);
    expect(warnings).toEqual([
      expect.stringMatching(/^queue "tasks.echo" is governed by policy "operator"/),
      expect.stringMatching(/^queue "tasks.web-search" is governed by policy "operator"/),
    ]);
    expect(notes).toEqual(expect.arrayContaining(warnings.map((warning) => `warning: ${warning}`)));
  });
});

describe('a leftover', () => {
  const gone = 'tasks.gone';

  beforeEach(async () => {
    await run(['apply', '--delay', 'ladder']);
  });

  it('queue of a type that was removed is deleted when it is empty, with its bindings and policies', async () => {
    await leftoverQueue();
    expect((await run(['plan', '--delay', 'ladder'])).texts).toEqual([
      `delete binding tasks -> queue ${gone} by gone.*: it goes with ${gone}`,
      `delete queue ${gone}: there is no task type "gone"`,
      `delete policy ${gone}: there is no task type "gone"`,
    ]);
    const applied = await run(['apply', '--delay', 'ladder', '--yes']);
    expect(applied.value).toMatchObject({
      deleted: [{ kind: 'binding' }, { kind: 'queue', name: gone }, { kind: 'policy' }],
    });
    expect((await run(['plan', '--delay', 'ladder'])).exitCode).toBe(0);
  });

  it('queue with ready messages is left with what belongs to it, and deleted when it is named', async () => {
    await leftoverQueue();
    await publish('tasks', 'gone.normal');
    const applied = await run(['apply', '--delay', 'ladder', '--yes']);
    expect(applied.exitCode).toBe(0);
    expect(applied.notes).toContain(
      `left: ${gone}, with what belongs to it: it holds 1 message; apply again when it is empty, or name it by --delete-queue to lose them`,
    );
    expect(applied.value).toMatchObject({
      deleted: [],
      left: [{ kind: 'binding' }, { kind: 'queue' }, { kind: 'policy' }],
    });
    // Named, but nobody agrees.
    await run(['apply', '--delay', 'ladder', '--delete-queue', gone]);
    expect(await readyCount(vhost.amqpUrl, gone)).toBe(1);
    const named = await run([
      'apply',
      '--delay',
      'ladder',
      '--yes',
      '--delete-queue',
      gone,
      '--delete-queue',
      'tasks.never',
    ]);
    expect(named.value).toMatchObject({ left: [] });
    expect(named.value).toHaveProperty('deleted.1', { kind: 'queue', name: gone, messages: 1 });
  });

  it.each(['classic', 'quorum'])('%s queue with unacknowledged messages alone is left', async (type) => {
    await leftoverQueue(type);
    await publish('tasks', 'gone.normal');
    await channel.prefetch(1);
    const { consumerTag } = await channel.consume(gone, () => undefined);
    // The broker answers in turn: the message is out by then, and its consumer gone. The statistics know nothing yet.
    await channel.cancel(consumerTag);
    expect(await channel.checkQueue(gone)).toMatchObject({ messageCount: 0 });
    const applied = await run(['apply', '--delay', 'ladder', '--yes']);
    expect(applied.notes.filter((note) => note.startsWith(`left: ${gone}, with what belongs to it: `))).toHaveLength(1);
    expect(applied.value).toMatchObject({ deleted: [] });
    await channel.recover();
    expect(await readyCount(vhost.amqpUrl, gone)).toBe(1);
  });

  it('queue that is consumed is left', async () => {
    await leftoverQueue();
    await channel.consume(gone, () => undefined);
    const { notes, value } = await run(['apply', '--delay', 'ladder', '--yes']);
    expect(notes).toContain(`left: ${gone}, with what belongs to it: it is consumed; stop who does, then apply again`);
    expect(value).toMatchObject({ deleted: [] });
  });

  it('ladder of another shape is left whole while a message is in it, and deleted whole afterwards', async () => {
    await applyTopology({ ...vhost, topology: topologyFor(small) });
    await publish('delay.60000ms-x2.level-01', '1.0.echo.normal');
    const held = await run(['apply', '--delay', 'ladder', '--yes']);
    expect(held.value).toMatchObject({ deleted: [] });
    expect(held.notes).toContainEqual(
      expect.stringMatching(/^left: delay.60000ms-x2.level-01, .*: it holds 1 message/),
    );
    await channel.purgeQueue('delay.60000ms-x2.level-01');
    const applied = await run(['apply', '--delay', 'ladder', '--yes']);
    expect(applied.text).toMatch(/; deleted: 3 exchanges, 2 queues, 6 bindings$/);
    expect((await run(['plan', '--delay', 'ladder'])).exitCode).toBe(0);
  });

  itOnPlugin("exchange of the plugin's is left while it holds a message back", async () => {
    await run(['apply', '--delay', 'plugin']);
    await publish('delayed', 'echo.normal', { 'x-delay': 600_000 });
    const held = await run(['apply', '--delay', 'ladder', '--yes']);
    expect(held.notes).toContain(
      'left: delayed, with what belongs to it: it holds 1 message back; apply again when they have gone out',
    );
    expect((await run(['plan', '--delay', 'ladder'])).texts).toEqual([
      'delete binding delayed -> exchange tasks: it goes with delayed',
      'delete exchange delayed: the delay is by ladder delay.100ms-x25; it holds 1 message',
    ]);
  });

  it('is asked for: left at a no, deleted at a yes; not asked where there is none', async () => {
    const questions: string[] = [];
    const answer = (yes: boolean) => async (question: string) => {
      questions.push(question);
      return yes;
    };
    await run(['apply', '--delay', 'ladder'], { ask: answer(true) });
    expect(questions).toEqual([]);
    await leftoverQueue();
    const refused = await run(['apply', '--delay', 'ladder'], { ask: answer(false) });
    expect(questions).toEqual([`not wanted any more: queue ${gone}, policy ${gone}. Delete that?`]);
    expect(refused).toMatchObject({ exitCode: 0, value: { deleted: [] } });
    expect(await readyCount(vhost.amqpUrl, gone)).toBe(0);
    await run(['apply', '--delay', 'ladder'], { ask: answer(true) });
    expect(await readyCount(vhost.amqpUrl, gone)).toBeUndefined();
  });

  it('without a terminal is left and named, the rest is done', async () => {
    await leftoverQueue();
    await channel.unbindQueue('tasks.echo', 'tasks', 'echo.*');
    const { exitCode, notes, value } = await run(['apply', '--delay', 'ladder']);
    expect(exitCode).toBe(0);
    expect(notes).toContain(
      `left: queue ${gone}, policy ${gone}; nobody can be asked here whether to delete that: --yes does`,
    );
    expect(value).toMatchObject({ deleted: [], made: { bindings: 1 } });
  });

  it("is never a queue that is wanted or somebody else's", async () => {
    await channel.assertQueue('audit', { durable: true });
    for (const queue of ['tasks.echo', 'audit']) {
      await expect(run(['apply', '--delay', 'ladder', '--yes', '--delete-queue', queue])).rejects.toMatchObject({
        exitCode: 2,
        field: '--delete-queue',
      });
    }
  });

  it('may be deleted by two at once', async () => {
    await leftoverQueue();
    const both = await Promise.all([1, 2].map(() => run(['apply', '--delay', 'ladder', '--yes'])));
    expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(await readyCount(vhost.amqpUrl, gone)).toBeUndefined();
    await run(['apply', '--delay', 'ladder', '--yes']);
    expect((await run(['plan', '--delay', 'ladder'])).exitCode).toBe(0);
  });

  async function leftoverQueue(type = 'classic'): Promise<void> {
    await channel.assertQueue(gone, { durable: true, arguments: { 'x-queue-type': type } });
    await channel.bindQueue(gone, 'tasks', 'gone.*');
    await management.putPolicy(vhost.vhost, { ...operatorPolicy(), name: gone, pattern: '^tasks\\.gone$' });
  }
});

describe("what is somebody else's", () => {
  it('is neither shown nor touched', async () => {
    await run(['apply', '--delay', 'ladder']);
    const queues = ['audit', 'tasks', 'tasks.echo.urgent', 'tasks.Echo', 'tasks.echo.g1', 'delay.mine'];
    for (const queue of queues) await channel.assertQueue(queue, { durable: true });
    const exchanges = ['audit', 'tasks.copy', 'delay.100ms-x25.mine'];
    for (const exchange of exchanges) await channel.assertExchange(exchange, 'topic', { durable: true });
    await channel.bindQueue('audit', 'tasks', '#');
    await channel.bindQueue('tasks.echo', 'audit', '#');
    await channel.bindExchange('tasks.copy', 'tasks', '#');
    for (const name of ['operator', 'tasks.echo.high', 'dead-letters']) {
      await management.putPolicy(vhost.vhost, { ...operatorPolicy(), name, pattern: '^audit$' });
    }
    expect((await run(['plan', '--delay', 'ladder'])).texts).toEqual([]);
    const before = await all();
    expect((await run(['apply', '--delay', 'ladder', '--yes'])).value).toMatchObject({ deleted: [] });
    expect(await all()).toEqual(before);
  });

  async function all() {
    const { vhost: name } = vhost;
    const queues = (await management.queues(name)).map((queue) => ({ name: queue.name, given: queue.arguments }));
    return [
      queues,
      ...(await Promise.all([management.exchanges(name), management.bindings(name), management.policies(name)])),
    ];
  }
});

it('the local stack does not start beside a queue that has to be replaced first, and says so', async () => {
  await channel.assertQueue('tasks.summarize', { durable: true });
  const project = mkdtempSync(join(tmpdir(), 'warren-replace-'));
  try {
    const program = join(projectRoot, 'tests', 'integration', 'support', 'local-program.mjs');
    const ledger = { LEDGER_URL: `sqlite://${join(project, 'ledger.sqlite')}` };
    const { code, stderr } = await runProgram([program, 'up', '--detach'], {
      ...ledger,
      TEST_PROJECT: project,
      TEST_TOPOLOGY: 'real',
    });
    expect(code).toBe(1);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(
      'the broker holds what has to be replaced first: replace queue tasks.summarize: x-dead-letter-exchange is not set, should be dead;',
    );
    expect(await readyCount(vhost.amqpUrl, 'tasks.research')).toBeUndefined();
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
});

it('many applies at once to an empty virtual host all succeed', async () => {
  const all = await Promise.all([1, 2, 3].map(() => run(['apply', '--delay', 'ladder'])));
  expect(all.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  expect((await run(['plan', '--delay', 'ladder'])).exitCode).toBe(0);
});

interface Settings {
  readonly types?: readonly TaskType[];
  readonly profile?: string;
  readonly managementUrl?: string;
  readonly ask?: (question: string) => Promise<boolean>;
}

/** Runs one command in this process, without a terminal unless there is somebody to ask. */
async function run(argv: readonly string[], settings: Settings = {}) {
  const { profile = '', managementUrl = vhost.managementUrl, ask } = settings;
  const notes: string[] = [];
  let [value, text, exitCode]: [unknown, string, number] = [undefined, '', 0];
  const output = {
    json: false,
    result: (given: unknown, shown: string) => {
      [value, text] = [given, shown];
    },
    note: (line: string) => void notes.push(line),
    hint: (line: string) => line,
    prose: (line: string) => line,
    width: undefined,
  };
  const program = new Command().exitOverride();
  addTopologyCommands(program, {
    env: { AMQP_URL: vhost.amqpUrl, WARREN_MANAGEMENT_URL: managementUrl, WARREN_PROFILE: profile },
    output,
    types: settings.types ?? types,
    ask,
    exitWith: (code) => {
      exitCode = code;
    },
  });
  await program.parseAsync(['topology', ...argv], { from: 'user' });
  const { steps, warnings } = planned.parse(value);
  return { value, text, exitCode, notes, steps, warnings, texts: steps.map(stepText) };
}

const planned = z.object({
  steps: z.array(z.custom<PlanStep>((step) => typeof step === 'object')).default([]),
  warnings: z.array(z.string()),
});

/** The command itself, in a process of its own without a terminal, with the task types that there are. */
function warren(...argv: readonly string[]): Promise<Ended> {
  return runProgram([join(projectRoot, 'bin', 'warren'), 'topology', ...argv]);
}

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

function runProgram(argv: readonly string[], further: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const { PATH } = process.env;
  const env = { PATH, AMQP_URL: vhost.amqpUrl, WARREN_MANAGEMENT_URL: vhost.managementUrl, ...further };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, argv, { env, maxBuffer: 2 ** 24 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

function countOf(steps: readonly PlanStep[]) {
  const count = (kind: PlanStep['kind']) => steps.filter((step) => step.kind === kind).length;
  return {
    exchanges: count('exchange'),
    queues: count('queue'),
    bindings: count('binding'),
    policies: count('policy'),
  };
}

function argumentsOf(queue: string) {
  const found = topologyFor({ types, delay: 'ladder', profile: 'classic' }).queues.find(({ name }) => name === queue);
  if (found === undefined) throw new Error(`no queue ${queue}`);
  return found.arguments;
}

function operatorPolicy() {
  return {
    name: 'operator',
    pattern: '.*',
    applyTo: 'queues',
    priority: 99,
    definition: { 'message-ttl': 3_600_000 },
  } as const;
}

async function publish(exchange: string, key: string, headers: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    channel.publish(exchange, key, Buffer.from('{}'), { persistent: true, headers }, (error) =>
      error ? reject(error) : resolve(),
    );
  });
}

function typeOf(name: string, queueTtlMs = 3_600_000): TaskType {
  return { name, summary: name, input: z.unknown(), result: z.unknown(), policy: { ...defaultPolicy, queueTtlMs } };
}

async function brokerHasPlugin(): Promise<boolean> {
  const { amqpUrl, dispose } = await freshVhost();
  try {
    return await hasDelayPlugin(amqpUrl);
  } finally {
    await dispose();
  }
}
