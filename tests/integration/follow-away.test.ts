import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connectBroker, createEventPublisher, eventsOfTask, listenEvents, taskEvent } from '@warren/broker';
import { type Ledger, LedgerUnavailable, openLedger } from '@warren/ledger';
import { addTaskCommands } from '@warren/producer';
import { exchangeNames } from '@warren/topology';
import { z } from 'zod';
import { defaultPatience } from '../../services/producer/src/absences.js';
import { follow } from '../../services/producer/src/follow.js';
import type { TaskWorld } from '../../services/producer/src/task-context.js';
import { newTask } from '../fixtures/task.js';
import { type Ended, type Started, startCommandLine } from './support/command-line.js';
import { type FreshDatabase, freshDatabase } from './support/postgres.js';
import { TcpProxy } from './support/proxy.js';
import { projectRoot } from './support/services.js';
import { testLog as log } from './support/test-log.js';
import { until } from './support/until.js';
import { type WayIn, wayIn } from './support/way-in.js';

/** Broker and ledger, each behind a network of its own that can break. */
let ground: WayIn;
let database: FreshDatabase;
let toBroker: TcpProxy;
/** A second way to the same broker. */
let toOther: TcpProxy;
let toLedger: TcpProxy;
/** The same ledger, past the proxy. */
let ledger: Ledger;

beforeEach(async () => {
  database = await freshDatabase();
  ground = await wayIn();
  ledger = await openLedger(database.url);
  toBroker = await TcpProxy.to(ground.amqpUrl);
  toOther = await TcpProxy.to(ground.amqpUrl);
  toLedger = await TcpProxy.to(database.url);
}, 60_000);

afterEach(async () => {
  await Promise.all([toBroker.stop(), toOther.stop(), toLedger.stop()]);
  await ledger.close();
  await ground.dispose();
  await database.dispose();
}, 60_000);

const addresses = () => ({
  AMQP_URL: toBroker.through(ground.amqpUrl),
  WARREN_MANAGEMENT_URL: ground.managementUrl,
  LEDGER_URL: toLedger.through(database.url),
  WARREN_DELAY: 'ladder',
});

/** Starts a command line in this process. */
function start(args: readonly string[], world: Partial<TaskWorld> = {}, env = addresses()): Started {
  return startCommandLine([...args, '--json'], env, (program, context) =>
    addTaskCommands(program, context, {
      findStack: () => undefined,
      interruption: () => new AbortController().signal,
      pollMs: 20,
      ...world,
    }),
  );
}

const errorShape = z.object({ error: z.object({ code: z.string(), message: z.string(), next: z.string() }) });
const errorOf = ({ stderr }: Ended) => errorShape.parse(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).error;

/** Submits with `--wait`; resolves when the task is on record and published. */
async function submitAndWait(flags: readonly string[] = [], world: Partial<TaskWorld> = {}, env = addresses()) {
  const id = randomUUID();
  const { ended } = start([...submission, '--id', id, '--wait', ...flags], world, env);
  await until(() => isPublished(id));
  return { id, ended };
}

const submission = ['task', 'submit', 'summarize', '--text', 'Rabbits wait.'];

async function isPublished(id: string): Promise<boolean> {
  return ((await ledger.queries.task(id))?.publishedAt ?? null) !== null;
}

/** Until a command that watches all tells of a task that came after its start. */
async function untilTells({ stdout }: Started): Promise<void> {
  await until(async () => {
    const id = randomUUID();
    await ledger.submit({ task: newTask(id), payload: '{}' });
    return stdout() !== '';
  });
}

async function claim(id: string): Promise<number> {
  const request = {
    dispatch: 1,
    copy: 'c',
    redelivered: false,
    owner: 'w',
    leaseMs: 60_000,
    maxCrashes: 3,
    alone: true,
  };
  const answer = await ledger.claim(id, { ...request, now: Date.now() });
  if (answer.kind !== 'run') throw new Error(`not claimed: ${answer.kind}`);
  return answer.task.token;
}

describe('--wait and task watch, while the ledger is away', () => {
  it('wait for it, but not for ever: they end with 1, what they know, and how to go on', async () => {
    const world = { patience: { ...defaultPatience, absenceLimitMs: 300 } };
    const { id, ended } = await submitAndWait([], world);
    const watching = start(['task', 'watch', id], world);
    const watchingAll = start(['task', 'watch'], world);
    await until(() => watching.stdout() !== '');
    await untilTells(watchingAll);
    toLedger.refuse();
    for (const [command, next] of [
      [ended, `warren task watch ${id}`],
      [watching.ended, `warren task watch ${id}`],
      [watchingAll.ended, 'warren task watch'],
    ] as const) {
      const end = await command;
      expect(end.code).toBe(1);
      expect(errorOf(end)).toMatchObject({
        code: 'network',
        message: expect.stringMatching(/^the ledger .* does not answer: .* it has been away for \d+ms/),
        next: `check that it runs and that LEDGER_URL is right; to go on then:\n${next}`,
      });
    }
  }, 30_000);

  it('asks it at its own pace, however many events come meanwhile', async () => {
    let asked = 0;
    const queries = {
      ...ledger.queries,
      async task(): Promise<never> {
        asked += 1;
        throw new LedgerUnavailable('of this test', new Error('away'));
      },
    };
    const task = newTask(randomUUID());
    const connection = await connectBroker({ urls: ground.amqpUrl, name: 'follower', log });
    const events = createEventPublisher(connection, { log });
    const ending = new AbortController();
    const following = follow(
      task.id,
      {
        ledger: { ...ledger, queries },
        connection,
        pollMs: 3_600_000,
        patience: { ...defaultPatience, absenceLimitMs: 3_600_000 },
        advice: () => '',
        now: Date.now,
        brokerCause: () => undefined,
        signal: ending.signal,
      },
      { onMove: () => undefined, onStep: () => undefined, onAbsence: () => undefined },
    );
    let heard = 0;
    const listener = await listenEvents(connection, {
      bindingKeys: [eventsOfTask(task.id)],
      log,
      onEvent: () => {
        heard += 1;
      },
    });
    // It listens as well when it has asked again because of that.
    await until(() => {
      events.publish(taskEvent(task, Date.now(), { message: 'digging' }));
      return heard > 100;
    });
    ending.abort(new Error('seen enough'));
    await expect(following).rejects.toThrow('seen enough');
    expect(asked).toBe(1);
    await listener.close();
    await events.close();
    await connection.close();
  }, 30_000);

  it('a ledger that takes the question and says nothing holds up neither --timeout nor Ctrl-C', async () => {
    const interruption = new AbortController();
    const world = { interruption: () => interruption.signal };
    const waiting = await submitAndWait([], world);
    const watching = start(['task', 'watch', waiting.id], world);
    const watchingAll = start(['task', 'watch'], world);
    await until(() => watching.stdout() !== '');
    await untilTells(watchingAll);
    const late = await submitAndWait(['--timeout', '1s']);
    toLedger.stall();
    expect(errorOf(await late.ended)).toMatchObject({
      code: 'timeout',
      message: `task ${late.id} is not done after 1s; it goes on`,
      next: `warren task watch ${late.id}`,
    });
    interruption.abort();
    expect(errorOf(await waiting.ended)).toMatchObject({ code: 'interrupted' });
    expect(await watching.ended).toMatchObject({ code: 0 });
    expect(await watchingAll.ended).toMatchObject({ code: 0 });
    toLedger.restore();
  }, 20_000);

  it('neither does it hold up the end of the process', async () => {
    const program = path.join(projectRoot, 'bin', 'warren');
    const id = randomUUID();
    const { PATH = '' } = process.env;
    const args = ['publish', 'summarize', '--text', 'Rabbits wait.', '--id', id, '--wait', '--timeout', '2s', '--json'];
    const child = spawn(process.execPath, [program, ...args], { env: { PATH, ...addresses() } });
    await until(() => isPublished(id));
    toLedger.stall();
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
    toLedger.restore();
  }, 20_000);

  it('a result that can not be read is not lost: the error says how to read it', async () => {
    const silencing = await silencedAt(database.url, 'from "results"');
    const { id, ended } = await submitAndWait([], {}, { ...addresses(), LEDGER_URL: silencing.url });
    await ledger.complete(id, { token: await claim(id), now: Date.now(), result: '{}', cost: null });
    const end = await ended;
    expect(end.code).toBe(1);
    expect(errorOf(end)).toMatchObject({
      code: 'network',
      message: expect.stringMatching(new RegExp(`^task ${id} is completed, and its result can't be read: the ledger `)),
      next: `warren task result ${id}`,
    });
    await silencing.stop();
  }, 20_000);
});

describe('--wait, while the broker is away', () => {
  it('gives up a task that waits for the broker as well, and says how to go on', async () => {
    const { id, ended } = await submitAndWait([], { patience: { ...defaultPatience, absenceLimitMs: 300 } });
    toBroker.refuse();
    const end = await ended;
    expect(end.code).toBe(1);
    expect(errorOf(end)).toMatchObject({
      code: 'network',
      message: expect.stringMatching(
        new RegExp(`^the broker went away \\(.*\\); it has been away for \\d+ms, and task ${id} is queued`),
      ),
      next: `check that it runs and that AMQP_URL is right; to go on then:\nwarren task watch ${id}`,
    });
  }, 20_000);

  it('goes on with one that a worker has: the ledger tells how it ends', async () => {
    const { id, ended } = await submitAndWait([], { patience: { ...defaultPatience, absenceLimitMs: 100 } });
    const token = await claim(id);
    toBroker.refuse();
    // Another one, begun later under the same limit, is given up meanwhile: this one has passed its limit, too.
    const other = await submitAndWait(
      [],
      { patience: { ...defaultPatience, absenceLimitMs: 300 } },
      { ...addresses(), AMQP_URL: toOther.through(ground.amqpUrl) },
    );
    toOther.refuse();
    expect(await other.ended).toMatchObject({ code: 1 });
    await ledger.complete(id, { token, now: Date.now(), result: '{}', cost: null });
    expect(await ended).toMatchObject({ code: 0 });
  }, 20_000);
});

describe('task watch, without events', () => {
  it('reads the ledger instead where there is nothing to listen to', async () => {
    await ground.channel.deleteExchange(exchangeNames.events);
    const interruption = new AbortController();
    const watching = start(['task', 'watch'], { interruption: () => interruption.signal });
    await untilTells(watching);
    interruption.abort();
    const { code, stderr } = await watching.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^no events \(.*exchange "events".*\); the ledger is read every 20 ms instead\n$/);
  }, 30_000);
});

/** A way to a Postgres that is cut when a statement with these words comes by, and stays closed from then on. */
async function silencedAt(databaseUrl: string, words: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const { hostname, port } = new URL(databaseUrl);
  let isCut = false;
  const listener = createServer((client) => {
    if (isCut) return void client.destroy();
    const server = connect(Number(port), hostname);
    client.on('data', (bytes) => {
      isCut ||= bytes.includes(words);
      if (isCut) client.destroy();
      else server.write(bytes);
    });
    server.on('data', (bytes) => client.write(bytes));
    client.on('error', () => undefined).on('close', () => server.destroy());
    server.on('error', () => undefined).on('close', () => client.destroy());
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(z.object({ port: z.number() }).parse(listener.address()).port);
  return { url: url.href, stop: async () => void (await once(listener.close(), 'close')) };
}
