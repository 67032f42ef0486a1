import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { applyTopology, connectBroker, createPublisher, managementAddress, request } from '@warren/broker';
import { type Ledger, openLedger } from '@warren/ledger';
import { taskTypes } from '@warren/tasks';
import { topologyFor } from '@warren/topology';
import { Client } from 'pg';
import { pino } from 'pino';
import { z } from 'zod';
import { newTask } from '../fixtures/task.js';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { claimRun } from './support/ledger.js';
import { type FreshDatabase, freshDatabase } from './support/postgres.js';
import { projectRoot } from './support/services.js';
import { until } from './support/until.js';

/** What the four services write to stdout and stderr, as the processes that ship. */

const canary = `c4nary-${randomUUID()}`;
const password = `p4ssword-${randomUUID()}`;
const oldTask = randomUUID();
const role = `role_${randomUUID().replaceAll('-', '')}`;
const serviceNames = ['producer', 'summarize-worker', 'research-worker', 'dlq-processor'];

const line = z.looseObject({
  level: z.number(),
  time: z.number(),
  service: z.string(),
  msg: z.string(),
  worker: z.string().optional(),
  task: z.string().optional(),
});
type Line = z.infer<typeof line>;

const mainOf = (service: string) => join(projectRoot, 'services', service, 'dist', 'main.js');

describe('the logs of the services', () => {
  let vhost: FreshVhost;
  let database: FreshDatabase;
  let ledger: Ledger;
  let folder: string;
  let env: Record<string, string>;
  const children: ChildProcess[] = [];
  const output: string[] = [];
  let overloaded = 0;
  /** Answers the first request with 503, and then with a page. */
  const page = createServer((_, response) => {
    overloaded += 1;
    if (overloaded === 1) response.writeHead(503, { 'retry-after': '0' }).end();
    else response.writeHead(200, { 'content-type': 'text/plain' }).end(`Rabbits dig. ${canary} lasts.`);
  });

  beforeAll(async () => {
    [vhost, database] = await Promise.all([freshVhost(), freshDatabase()]);
    folder = mkdtempSync(join(tmpdir(), 'warren-logs-'));
    ledger = await openLedger(database.url);
    await inDatabase(`create role ${role} superuser login password '${password}'`);
    const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' });
    await applyTopology({ amqpUrl: vhost.amqpUrl, managementUrl: vhost.managementUrl, topology });
    page.listen(0, '127.0.0.1');
    await once(page, 'listening');
    env = {
      PATH: process.env.PATH ?? '',
      AMQP_URL: await withPassword(vhost),
      WARREN_MANAGEMENT_URL: vhost.managementUrl,
      LEDGER_URL: Object.assign(new URL(database.url), { username: role, password }).href,
      WARREN_SOURCES_DIRS: folder,
      WARREN_SOURCES_ALLOW_HOSTS: '127.0.0.1',
    };
    await completedDaysAgo(8);
    await Promise.all(serviceNames.map(start));
  }, 60_000);

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    page.close();
    await ledger.close();
    await inDatabase(`drop role ${role}`);
    await Promise.all([vhost.dispose(), database.dispose()]);
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  async function completedDaysAgo(days: number): Promise<void> {
    const then = Date.now() - days * 86_400_000;
    await ledger.submit({ task: newTask(oldTask, { createdAt: then }), payload: '{}' });
    const token = await claimRun(ledger, oldTask, then);
    await ledger.complete(oldTask, { token, now: then, result: '{}', cost: null });
  }

  async function inDatabase(statement: string): Promise<void> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  }

  async function start(service: string): Promise<void> {
    const child = spawn(process.execPath, [mainOf(service)], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    const ready = new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (text) => {
          output.push(text);
          if (text.includes('"msg":"ready"')) resolve();
        });
      }
      child.once('exit', (code) => reject(new Error(`${service} ended with ${code}: ${output.join('\n')}`)));
    });
    await ready;
  }

  const lines = () => output.map((text): Line => line.parse(JSON.parse(text)));
  const linesOf = (task: string) => lines().filter((one) => one.task === task);

  /** As a program of another language publishes, with a header that nobody knows. */
  async function publish(message: { body: string; type?: string; messageId?: string }): Promise<void> {
    const connection = await connectBroker({ urls: vhost.amqpUrl, name: 'test', log: pino({ level: 'silent' }) });
    await createPublisher(connection).publish({
      exchange: 'submit',
      routingKey: message.type ?? 'summarize',
      body: Buffer.from(message.body),
      properties: {
        messageId: message.messageId ?? '',
        correlationId: canary,
        headers: { 'x-tenant': canary, 'x-idempotency-key': `${canary} ${randomUUID()}`, 'x-own': canary },
      },
      mandatory: true,
    });
    await connection.close();
  }

  async function submit(payload: unknown): Promise<string> {
    const id = randomUUID();
    await publish({ body: JSON.stringify({ task_id: id, task_type: 'summarize', payload }), messageId: id });
    return id;
  }

  const untilState = (id: string, state: string) => until(async () => (await ledger.queries.task(id))?.state === state);

  const transitions = (task: string) =>
    linesOf(task)
      .filter(({ to }) => to !== undefined)
      .map(({ attempt, dispatch, from, level, service, to }) => ({ service, from, to, dispatch, attempt, level }));

  it('have one line a transition, by whoever made it, from which one task can be followed', async () => {
    const { port } = z.custom<AddressInfo>().parse(page.address());
    const url = `http://127.0.0.1:${port}/${canary}`;
    const id = await submit({ source: { kind: 'url', url }, length: 1 });
    await untilState(id, 'completed');
    await until(() => transitions(id).some(({ to }) => to === 'completed'));

    const worker = { service: 'summarize-worker', level: 30 };
    expect(transitions(id).toSorted(byDispatch)).toEqual([
      { service: 'producer', from: undefined, to: 'accepted', dispatch: 1, attempt: 1, level: 30 },
      { ...worker, from: undefined, to: 'running', dispatch: 1, attempt: 1 },
      { ...worker, from: 'running', to: 'dead-lettered', dispatch: 1, attempt: 1 },
      {
        service: 'dlq-processor',
        from: 'dead-lettered',
        to: 'retry-scheduled',
        dispatch: 2,
        attempt: 1,
        level: 30,
      },
      { ...worker, from: undefined, to: 'running', dispatch: 3, attempt: 2 },
      { ...worker, from: 'running', to: 'completed', dispatch: 3, attempt: 2 },
    ]);
  });

  it('warn of what waits for a person, and tell where its letter is', async () => {
    const id = await submit({ source: { kind: 'file', path: join(folder, `${canary}.md`) } });
    await untilState(id, 'parked');
    await until(() => transitions(id).some(({ to }) => to === 'parked'));

    const parked = linesOf(id).find(({ to }) => to === 'parked');
    const letter = await ledger.letters.find(id);
    expect(parked).toMatchObject({ level: 40, from: 'dead-lettered', code: 'not-found', letter: letter?.id });
    const raw = JSON.stringify({ task_id: randomUUID(), task_type: 'summarize', payload: { [canary]: canary } });
    for (const body of [raw, `{"task_id": "${canary}"`, '']) await publish({ body });
    await until(() => lines().filter(({ msg }) => msg === 'message parked: it is no task').length === 3);
    for (const { letter: id, code, level } of lines().filter(({ msg }) => msg.startsWith('message parked'))) {
      expect({ code, level }).toEqual({ code: expect.any(String), level: 40 });
      expect(await ledger.letters.find(z.string().parse(id))).toMatchObject({ state: 'parked' });
    }
  });

  it('name the service and the process, and with a task its type, dispatch and attempt, by the same names everywhere', async () => {
    const id = await submit({ text: `Rabbits dig. ${canary} lasts.`, length: 1 });
    await untilState(id, 'completed');
    await until(() => transitions(id).some(({ to }) => to === 'completed'));

    const all = lines();
    for (const one of all) expect(serviceNames).toContain(one.service);
    const lifecycle = ['ready', 'stopping'];
    for (const one of all.filter(({ msg }) => !lifecycle.includes(msg))) {
      expect(one).toMatchObject({ worker: expect.stringMatching(/#[0-9a-f]{8}$/) });
    }
    const aboutTasks = all.filter(({ task }) => task !== undefined);
    expect(aboutTasks.length).toBeGreaterThanOrEqual(3);
    for (const one of aboutTasks) {
      expect(one).toMatchObject({ type: 'summarize', dispatch: expect.any(Number), attempt: expect.any(Number) });
      if (one.service === 'summarize-worker') expect(one).toMatchObject({ token: expect.any(Number) });
    }
    const guide = readFileSync(join(projectRoot, 'docs', 'operating.md'), 'utf8');
    for (const { msg } of all) expect(guide).toContain(`\`${msg}\``);
    // No field twice: a reader would take the last, another the first.
    for (const text of output) expect(Object.keys(JSON.parse(text)).length).toBe(countOfFields(text));
  });

  it('tell in one line what retention let go', async () => {
    await until(async () => (await ledger.queries.task(oldTask)) === undefined);
    const pruned = () => lines().filter(({ msg }) => msg === 'pruned what was kept long enough');
    await until(() => pruned().length > 0);
    expect(pruned()).toEqual([
      expect.objectContaining({ service: 'dlq-processor', level: 30, tasks: 1, attempts: 1, letters: 0 }),
    ]);
  });

  it('hold no payload, no result, no header and no password, also where broker and ledger fail', async () => {
    const before = output.length;
    const address = managementAddress(vhost.amqpUrl, vhost.managementUrl);
    const mine = z.array(z.object({ name: z.string(), user: z.string() }));
    const connections = async () =>
      mine.parse(await request(address, 'GET', '/api/connections')).filter(({ user }) => user === vhost.vhost);
    await until(async () => (await connections()).length >= 4);
    for (const { name } of await connections()) {
      await request(address, 'DELETE', `/api/connections/${encodeURIComponent(name)}`);
    }
    await until(() => output.slice(before).some((text) => text.includes('connected to RabbitMQ')));
    await inDatabase(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`);
    const id = await submit({ text: `Rabbits dig. ${canary} lasts.`, length: 1 });
    await untilState(id, 'completed');

    const said = output.join('\n');
    expect(said).not.toContain(canary);
    expect(said).not.toContain(password);
    // It is where it belongs: the canary was really there.
    expect((await ledger.queries.result(id))?.result).toContain(canary);
    expect((await ledger.queries.task(id))?.tenant).toBe(canary);
  });

  it('end with the last line in full, on which the process ends', async () => {
    const exits = children.map((child) => once(child, 'exit'));
    for (const child of children) child.kill('SIGTERM');
    expect((await Promise.all(exits)).map(([code]) => code)).toEqual([0, 0, 0, 0]);
    for (const service of serviceNames) {
      expect(lines().findLast((one) => one.service === service)).toMatchObject({ msg: 'stopped' });
    }
  });

  describe('of one that does not start', () => {
    const refusedBy = (port: number) => ({
      ...env,
      AMQP_URL: `amqp://warren:${password}@127.0.0.1:${port}/x`,
      LEDGER_URL: `postgres://warren:${password}@127.0.0.1:${port}/x`,
    });

    it('is JSON with the reason and without the password', async () => {
      const port = await closedPort();
      const running = promisify(execFile)(process.execPath, [mainOf('producer')], { env: refusedBy(port) });
      const { code, stderr, stdout } = await running.catch((error) => error);
      expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
      expect(line.parse(JSON.parse(stdout))).toMatchObject({ level: 60, msg: expect.stringContaining('RabbitMQ') });
      expect(stdout).not.toContain(password);
    });

    it('is prose in a terminal, to its last line', async () => {
      const port = await closedPort();
      const command = `${process.execPath} ${mainOf('producer')}`;
      // util-linux's script gives the command a terminal, and its exit code.
      const running = promisify(execFile)('script', ['-qec', command, '/dev/null'], { env: refusedBy(port) });
      const { code, stdout } = await running.catch((error) => error);
      expect(code).toBe(1);
      expect(stdout).toContain('FATAL');
      expect(stdout).toContain(`127.0.0.1:${port}`);
      expect(stdout).not.toContain('{"level"');
      expect(stdout).not.toContain(password);
    });
  });
});

function byDispatch(a: { dispatch: unknown; to: unknown }, b: { dispatch: unknown; to: unknown }): number {
  const order = ['accepted', 'running', 'dead-lettered', 'retry-scheduled', 'completed'];
  const place = (one: typeof a) => Number(one.dispatch) * order.length + order.indexOf(String(one.to));
  return place(a) - place(b);
}

/** A parser keeps the last of two fields of one name, so they are counted in the text itself. */
function countOfFields(text: string): number {
  let count = 0;
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (depth === 1 && token.endsWith(':')) count += 1;
  }
  return count;
}

/** A user of the virtual host's own whose password is the one that is looked for. */
async function withPassword({ amqpUrl, managementUrl, vhost }: FreshVhost): Promise<string> {
  const address = managementAddress(amqpUrl, managementUrl);
  await request(address, 'PUT', `/api/users/${vhost}`, { password, tags: 'monitoring' });
  const all = { configure: '.*', write: '.*', read: '.*' };
  await request(address, 'PUT', `/api/permissions/${vhost}/${vhost}`, all);
  return Object.assign(new URL(amqpUrl), { username: vhost, password }).href;
}

async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = z.custom<AddressInfo>().parse(server.address());
  server.close();
  await once(server, 'close');
  return port;
}
