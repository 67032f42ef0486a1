import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBroker, createEventPublisher, taskEvent } from '@warren/broker';
import { openLedger, type Task } from '@warren/ledger';
import { addTaskCommands } from '@warren/producer';
import { summarize, TaskFailure } from '@warren/tasks';
import { exchangeNames, workQueue } from '@warren/topology';
import { completed, type Handler, runWorker, type Worker } from '@warren/worker';
import { pino } from 'pino';
import { z } from 'zod';
import { follow } from '../../services/producer/src/follow.js';
import { type Ended, runCommandLine } from './support/command-line.js';
import { freshDatabase } from './support/postgres.js';
import { TcpProxy } from './support/proxy.js';
import { until } from './support/until.js';
import { type WayIn, wayIn } from './support/way-in.js';

let ground: WayIn;
let folder: string;

beforeAll(async () => {
  ground = await wayIn();
  folder = path.dirname(ground.ledgerUrl);
  writeFileSync(path.join(folder, 'note.md'), '# Rabbits\n\nRabbits dig.\n');
}, 60_000);
afterAll(() => ground.dispose(), 60_000);

interface Around {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly interruption?: AbortSignal;
}

function warren(args: readonly string[], { env, input = '', interruption }: Around = {}): Promise<Ended> {
  const addresses = {
    AMQP_URL: ground.amqpUrl,
    WARREN_MANAGEMENT_URL: ground.managementUrl,
    LEDGER_URL: ground.ledgerUrl,
    WARREN_DELAY: 'ladder',
  };
  return runCommandLine(args, env ?? addresses, (program, context) =>
    addTaskCommands(program, context, {
      cwd: folder,
      stdin: Readable.from([Buffer.from(input)]),
      findStack: () => undefined,
      interruption: () => interruption ?? new AbortController().signal,
      pollMs: 50,
    }),
  );
}

async function submit(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await warren(['task', 'submit', 'summarize', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('task accepted') });
  return stdout.trim();
}

async function taskOf(id: string): Promise<Task> {
  const task = await ground.task(id);
  if (task === undefined) throw new Error(`no task ${id}`);
  return task;
}

/** A way to a Postgres on which the commit of a task gets through, and its answer does not. */
async function answerlessCommit(databaseUrl: string): Promise<{ url: string; cut: () => Promise<void> }> {
  const { hostname, port } = new URL(databaseUrl);
  const listener = createServer((client) => {
    const server = connect(Number(port), hostname);
    let isRecording = false;
    let isCommitting = false;
    client.on('data', (bytes) => {
      isRecording ||= bytes.includes('insert into tasks');
      isCommitting ||= isRecording && bytes.includes('commit');
      server.write(bytes);
    });
    server.on('data', (bytes) => (isCommitting ? client.destroy() : client.write(bytes)));
    client.on('error', () => undefined).on('close', () => server.destroy());
    server.on('error', () => undefined).on('close', () => client.destroy());
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(z.object({ port: z.number() }).parse(listener.address()).port);
  return { url: url.href, cut: async () => void (await once(listener.close(), 'close')) };
}

const errorOf = ({ stderr }: Ended): Record<string, unknown> =>
  JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error;

describe('task submit', () => {
  it('records the task, publishes it, and prints its id alone', async () => {
    const id = await submit(['--file', 'note.md', '--length', 'short', '--priority', 'high', '--tenant', 'acme']);
    expect(await taskOf(id)).toMatchObject({ type: 'summarize', priority: 8, tenant: 'acme' });
    expect(JSON.parse((await ground.ledger.queries.payload(id)) ?? '')).toEqual({
      source: { kind: 'file', path: path.join(folder, 'note.md') },
      length: 'short',
    });
    const published = await ground.take(workQueue('summarize'));
    expect(published?.properties).toMatchObject({ messageId: id, priority: 8 });
  });

  it('publish is the same, and both read JSON from stdin', async () => {
    const help = await Promise.all([warren(['task', 'submit', '--help']), warren(['publish', '--help'])]);
    const flags = help.map(({ stdout }) => stdout.match(/^ {2}(-.*?)(?= {2})/gm));
    expect(flags[0]).toEqual(flags[1]);
    const { code, stdout } = await warren(['publish', 'summarize', '--input', '-', '--json'], {
      input: '{"text":"Rabbits dig."}',
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      id: expect.any(String),
      type: 'summarize',
      state: 'accepted',
      duplicate: false,
      published: true,
    });
  });

  it('a delay waits in the broker, not in a work queue', async () => {
    const { ready } = await ground.depth(workQueue('summarize'));
    const { stdout, stderr } = await warren(['publish', 'summarize', '--text', 'x y.', '--delay', '1h']);
    expect(stderr).toMatch(/task accepted: starts in 59m59s \(.*\), as its submitter asked/);
    expect(await taskOf(stdout.trim())).toMatchObject({ state: 'scheduled' });
    expect(await ground.depth(workQueue('summarize'))).toMatchObject({ ready });
  });

  it.each([101, 200_000])(
    'an input with lists %i deep in each other is bad input that names its field',
    async (levels) => {
      const input = `{"text":${'['.repeat(levels)}${']'.repeat(levels)}}`;
      const refused = await warren(['task', 'submit', 'summarize', '--input', '-', '--json'], { input });
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(errorOf(refused)).toMatchObject({ code: 'malformed', field: 'payload' });
    },
  );

  it('the same key twice is the same task; with another input it is an error that names the key', async () => {
    const key = ['--idempotency-key', randomUUID(), '--json'];
    const first = await warren(['publish', 'summarize', '--text', 'Rabbits dig.', ...key]);
    const again = await warren(['publish', 'summarize', '--text', 'Rabbits dig.', ...key]);
    const other = await warren(['publish', 'summarize', '--text', 'Foxes wait.', ...key]);
    expect(JSON.parse(again.stdout)).toMatchObject({ id: JSON.parse(first.stdout).id, duplicate: true });
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(errorOf(other)).toMatchObject({ code: 'conflict', field: '--idempotency-key' });
    const spoken = await warren(['publish', 'summarize', '--text', 'Rabbits dig.', ...key.slice(0, 2)]);
    expect(spoken.stderr).toContain('the same task was submitted before: nothing new was started');
  });

  it('the same id with another input is an error that names it', async () => {
    const id = randomUUID();
    expect((await warren(['publish', 'summarize', '--text', 'a b.', '--id', id])).stdout).toBe(`${id}\n`);
    const other = await warren(['publish', 'summarize', '--text', 'c d.', '--id', id, '--json']);
    expect(other.code).toBe(2);
    expect(errorOf(other)).toMatchObject({ code: 'conflict', field: '--id' });
  });

  it('names the id to ask for where the answer to a commit is lost, and that id starts nothing twice', async () => {
    const database = await freshDatabase();
    const { url, cut } = await answerlessCommit(database.url);
    try {
      const text = ['publish', 'summarize', '--text', 'Rabbits dig.', '--json'];
      const addresses = { AMQP_URL: ground.amqpUrl, WARREN_DELAY: 'ladder' };
      const lost = await warren(text, { env: { ...addresses, LEDGER_URL: url } });
      expect(lost).toMatchObject({ code: 1, stdout: '' });
      const { code, next } = z.object({ code: z.string(), next: z.string() }).parse(errorOf(lost));
      expect(code).toBe('network');
      const id = /--id (\S+):/.exec(next)?.[1] ?? '';
      const again = await warren([...text, '--id', id], { env: { ...addresses, LEDGER_URL: database.url } });
      expect(JSON.parse(again.stdout)).toMatchObject({ id, duplicate: true });
    } finally {
      await cut();
      await database.dispose();
    }
  }, 60_000);

  it.each([
    [['--file', 'gone.md'], '--file'],
    [['--text', 'x', '--length', 'huge'], '--length'],
    [['--input', '{"text":5}'], 'payload.text'],
    [['--input', '@gone.json'], '--input'],
    [['--text', 'x', '--length', '99'], '--length'],
    [['--text', 'x', '--timeout', '5s'], '--timeout'],
    [['--text', 'x', '--wait', '--dry-run'], '--wait'],
    [['--from', 'note.md', '--text', 'x'], '--text'],
    [['--from', 'gone.jsonl'], '--from'],
    [['--text', 'x', '--rps', '5'], '--rps'],
  ])('%j is refused before anything is tried, and names %s', async (args, field) => {
    const refused = await warren(['task', 'submit', 'summarize', ...args, '--json'], {
      env: { AMQP_URL: 'amqp://127.0.0.1:1', LEDGER_URL: '/nowhere/at/all.db' },
    });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(errorOf(refused)).toMatchObject({ field });
  });

  it('--no-check takes a file that only the worker sees', async () => {
    const id = await submit(['--file', 'elsewhere.md', '--no-check']);
    expect(await ground.ledger.queries.payload(id)).toContain(path.join(folder, 'elsewhere.md'));
  });

  it('--dry-run needs neither broker nor ledger, and changes nothing', async () => {
    const dry = await warren(['publish', 'summarize', '--text', 'x', '--dry-run', '--json'], { env: {} });
    expect(dry.code).toBe(0);
    expect(JSON.parse(dry.stdout)).toEqual({ dryRun: true, type: 'summarize', input: { text: 'x' }, options: {} });
    const wrong = await warren(['publish', 'summarize', '--input', '{}', '--dry-run'], { env: {} });
    expect(wrong.code).toBe(2);
  });
});

describe('without a broker or a ledger', () => {
  const withPassword = 'amqp://warren:s3cret@127.0.0.1:1/warren';
  const text = ['publish', 'summarize', '--text', 'x y.', '--json'];

  it('says which variable to set, or to start the stack', async () => {
    const unset = await warren(text, { env: {} });
    expect(unset.code).toBe(2);
    expect(errorOf(unset)).toMatchObject({ field: 'AMQP_URL', next: expect.stringContaining('warren up') });
  });

  it('no broker: names it without its password, and records nothing', async () => {
    const id = randomUUID();
    const refused = await warren([...text, '--id', id], {
      env: { AMQP_URL: withPassword, LEDGER_URL: ground.ledgerUrl },
    });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(errorOf(refused).message).toContain('127.0.0.1:1');
    expect(refused.stderr).not.toContain('s3cret');
    expect(await ground.task(id)).toBeUndefined();
  });

  it('no ledger: names it without its password, and publishes nothing', async () => {
    const { ready } = await ground.depth(workQueue('summarize'));
    for (const LEDGER_URL of ['postgres://warren:s3cret@127.0.0.1:1/warren', '/nowhere/at/all.db']) {
      const refused = await warren(text, { env: { AMQP_URL: ground.amqpUrl, LEDGER_URL } });
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(errorOf(refused).message).toContain(LEDGER_URL.replace(/^.*@/, ''));
      expect(refused.stderr).not.toContain('s3cret');
    }
    expect(await ground.depth(workQueue('summarize'))).toMatchObject({ ready });
  });

  it('a broker that takes the connection and says nothing is given up in time', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const host = `127.0.0.1:${address.port}`;
    const refused = await warren(text, { env: { AMQP_URL: `amqp://${host}`, LEDGER_URL: ground.ledgerUrl } });
    expect(refused.code).toBe(1);
    expect(errorOf(refused).message).toContain(host);
    silent.close();
  }, 10_000);

  it('a URL that is none is named by its variable', async () => {
    const refused = await warren(text, { env: { AMQP_URL: 'rabbit', LEDGER_URL: ground.ledgerUrl } });
    expect(refused.code).toBe(2);
    expect(errorOf(refused)).toMatchObject({ field: 'AMQP_URL' });
  });
});

describe('task submit --from', () => {
  it('takes every good line and tells the number of every bad one', async () => {
    const id = randomUUID();
    const file = path.join(folder, 'tasks.jsonl');
    const lines = [
      '{"text":"Rabbits dig."}',
      `{"input":{"text":"Foxes wait."},"id":"${id}","priority":"high"}`,
      'nonsense',
      '',
      `{"task_id":"${id}","task_type":"summarize","payload":{"text":"Foxes wait."}}`,
      '{"input":{"text":"x"},"prio":1}',
      '{"input":{"question":"why?"},"type":"research"}',
      '{"text":"x","length":99}',
      `{"input":{"text":"other"},"id":"${id}"}`,
    ];
    writeFileSync(file, lines.join('\n'));
    const many = await warren([
      'task',
      'submit',
      'summarize',
      '--from',
      file,
      '--concurrency',
      '1',
      '--tenant',
      'bulk',
      '--json',
    ]);
    expect(many.code).toBe(3);
    const summary = JSON.parse(many.stdout);
    expect(summary).toMatchObject({ dryRun: false, accepted: 2, duplicates: 1, rejected: 5, unpublished: 0 });
    expect(summary.rejections.map(({ line, field }: { line: number; field: string }) => [line, field])).toEqual([
      [3, '--from'],
      [6, 'prio'],
      [7, 'payload.sources'],
      [8, 'payload.length'],
      [9, 'task_id'],
    ]);
    expect(errorOf(many)).toMatchObject({ message: '5 of 8 lines were rejected' });
    expect(await taskOf(id)).toMatchObject({ priority: 8, tenant: 'bulk' });
    expect(summary).toMatchObject({
      tasks: [
        { line: 1, id: expect.any(String), state: 'accepted', duplicate: false },
        { line: 2, id, state: 'accepted', duplicate: false },
        { line: 5, id, duplicate: true },
      ],
      tasksLeftOut: 0,
    });
    expect(await taskOf(summary.tasks[0].id)).toMatchObject({ tenant: 'bulk' });
  });

  it('of more than twenty tasks a person is told how to list them', async () => {
    const input = Array.from({ length: 21 }, (_, n) => JSON.stringify({ text: `Hare ${n} runs.` })).join('\n');
    const many = await warren(['publish', 'summarize', '--from', '-'], { input });
    expect(many.stdout).toBe('21 accepted, 0 duplicates, 0 rejected\n');
    const [, since = ''] = /"warren task list --since (\d+m) --limit 1000" lists them/.exec(many.stderr) ?? [];
    const listed = await warren(['task', 'list', '--since', since, '--limit', '1000', '--json']);
    expect(JSON.parse(listed.stdout).length).toBeGreaterThanOrEqual(21);
  });

  it('speaks to a person of each bad line', async () => {
    const many = await warren(['publish', 'summarize', '--from', '-'], { input: '{"text":"a b."}\n{"txt":1}\n' });
    expect(many.code).toBe(3);
    expect(many.stdout).toMatch(/^1 accepted, 0 duplicates, 1 rejected\n {2}line 1: [0-9a-f-]{36} {2}accepted\n$/);
    const [, id = ''] = /: ([0-9a-f-]{36}) /.exec(many.stdout) ?? [];
    expect(await taskOf(id)).toMatchObject({ type: 'summarize' });
    expect(many.stderr).toMatch(/^stdin:2: .*payload\.txt: unknown field/m);
  });

  it('a thousand lines, some at the same time, are a thousand tasks', async () => {
    const input = Array.from({ length: 1_000 }, (_, n) => JSON.stringify({ text: `Rabbit ${n} digs.` })).join('\n');
    const before = await ground.ledger.queries.count();
    const many = await warren(['publish', 'summarize', '--from', '-', '--json'], { input });
    expect({ code: many.code, summary: JSON.parse(many.stdout) }).toMatchObject({
      code: 0,
      summary: { accepted: 1_000 },
    });
    const tasks: { line: number; id: string }[] = JSON.parse(many.stdout).tasks;
    expect(tasks.map(({ line }) => line)).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(1_000);
    const after = await ground.ledger.queries.count();
    const sum = (counts: typeof after) => Object.values(counts).reduce((all, count) => all + count, 0);
    expect(sum(after) - sum(before)).toBe(1_000);
  }, 60_000);

  it('--dry-run only checks; nothing but bad lines is bad input; an empty file is told', async () => {
    const dry = await warren(['publish', 'summarize', '--from', '-', '--dry-run', '--json'], {
      input: '{"text":"x"}\n{}\n',
      env: {},
    });
    expect({ code: dry.code, summary: JSON.parse(dry.stdout) }).toMatchObject({
      code: 3,
      summary: { accepted: 1, rejected: 1 },
    });
    expect((await warren(['publish', 'summarize', '--from', '-', '--dry-run'], { input: '{}\n', env: {} })).code).toBe(
      2,
    );
    const empty = await warren(['publish', 'summarize', '--from', '-', '--dry-run'], { input: '\n', env: {} });
    expect(empty).toMatchObject({ code: 2, stderr: expect.stringContaining('holds no line') });
  });

  it('an interruption says how far it came, and begins nothing more', async () => {
    const interrupted = AbortSignal.abort(new Error('interrupted'));
    const many = await warren(['publish', 'summarize', '--from', '-', '--json'], {
      input: '{"text":"x y."}\n'.repeat(50),
      interruption: interrupted,
    });
    expect(many.code).toBe(1);
    expect(JSON.parse(many.stdout)).toMatchObject({ accepted: 0 });
    expect(errorOf(many)).toMatchObject({ code: 'interrupted' });
  });
});

describe('following a task', () => {
  it('tells steps by their events alone, each once, and the end by the ledger', async () => {
    const id = await submit(['--text', 'Rabbits are followed.']);
    const claim = {
      dispatch: 1,
      copy: 'c',
      redelivered: false,
      owner: 'w',
      leaseMs: 60_000,
      maxCrashes: 3,
      alone: true,
    };
    const answer = await ground.ledger.claim(id, { ...claim, now: Date.now() });
    if (answer.kind !== 'run') throw new Error(`not claimed: ${answer.kind}`);
    const log = pino({ level: 'silent' });
    const connection = await connectBroker({ urls: ground.amqpUrl, name: 'follower', log });
    const events = createEventPublisher(connection, { log });
    const heard: string[] = [];
    const parts = { ledger: ground.ledger, connection, pollMs: 3_600_000, signal: new AbortController().signal };
    const following = follow(id, parts, {
      onMove: ({ state }) => heard.push(state),
      onStep: ({ message }) => heard.push(message),
      onAbsence: (line) => heard.push(line),
    });
    const tell = (message: string) => events.publish(taskEvent(answer.task, Date.now(), { message }));
    await until(() => tell('digging') && heard.includes('digging'));
    await until(() => tell('resting') && heard.includes('resting'));
    await ground.ledger.complete(id, { token: answer.task.token, now: Date.now(), result: '{}', cost: null });
    tell('resting');
    expect(await following).toMatchObject({ state: 'completed' });
    expect(heard).toEqual(['running', 'digging', 'resting', 'completed']);
    await connection.close();
  }, 60_000);
});

describe('what a task stands on goes away while it is followed', () => {
  it('is told once, and so is its return; the following goes on', async () => {
    const database = await freshDatabase();
    const toLedger = await proxyTo(database.url);
    const toBroker = await proxyTo(ground.amqpUrl);
    const log = pino({ level: 'silent' });
    const ledger = await openLedger(toLedger.through(database.url));
    const connection = await connectBroker({ urls: toBroker.through(ground.amqpUrl), name: 'follower', log });
    try {
      const env = { AMQP_URL: ground.amqpUrl, LEDGER_URL: database.url, WARREN_DELAY: 'ladder' };
      const { stdout } = await warren(['publish', 'summarize', '--text', 'Rabbits wait.'], { env });
      const id = stdout.trim();
      const absences: string[] = [];
      const following = follow(
        id,
        { ledger, connection, pollMs: 20, signal: new AbortController().signal },
        { onMove: () => undefined, onStep: () => undefined, onAbsence: (line) => void absences.push(line) },
      );
      toLedger.refuse();
      await until(() => absences.length === 1);
      toBroker.refuse();
      await until(() => absences.length === 2);
      toLedger.restore();
      await until(() => absences.length === 3);
      toBroker.restore();
      await until(() => absences.length === 4);
      expect(absences).toEqual([
        expect.stringMatching(/^the ledger .* does not answer: .*; waiting until it is back$/),
        expect.stringMatching(/^the broker went away \(.*\); waiting until it is back$/),
        'the ledger is back',
        'the broker is back',
      ]);
      expect(await ledger.cancel(id, { now: Date.now(), reason: 'seen enough' })).toMatchObject({ kind: 'moved' });
      expect(await following).toMatchObject({ state: 'cancelled' });
      expect(absences).toHaveLength(4);
    } finally {
      await connection.close();
      await ledger.close();
      await Promise.all([toLedger.stop(), toBroker.stop()]);
      await database.dispose();
    }
  }, 60_000);
});

function proxyTo(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  return TcpProxy.start({ host: hostname, port: Number(port) });
}

describe('with a worker', () => {
  const summary = {
    title: 'Rabbits',
    summary: 'Rabbits dig.',
    sentences: [{ text: 'Rabbits dig.', start: 0, end: 12, line: 3, score: 1 }],
    keywords: [{ word: 'rabbits', score: 1 }],
    headings: [],
    source: { kind: 'text', name: 'text', bytes: 12, sentences: 1 },
  } as const;

  /** Each test has a broker of its own, so that a worker meets no other test's tasks. */
  let own: WayIn;
  let shared: WayIn;
  let worker: Worker | undefined;
  beforeAll(async () => {
    own = await wayIn();
    shared = ground;
    ground = own;
  }, 60_000);
  afterAll(async () => {
    await worker?.stop();
    await own.dispose();
    ground = shared;
  }, 60_000);

  async function work(handler: Handler<unknown, unknown>): Promise<void> {
    await worker?.stop();
    const { amqpUrl, ledgerUrl } = own;
    const config = {
      amqpUrl,
      ledgerUrl,
      delay: 'ladder',
      concurrency: 2,
      name: 'tester',
      drainMs: 0,
      logLevel: 'silent',
    } as const;
    worker = await runWorker({ type: summarize, handler, config, log: pino({ level: 'silent' }) });
  }

  it('--wait shows the steps on stderr and the result on stdout', async () => {
    await work(async (_input, context) => {
      context.progress({ message: 'digging', done: 1, total: 2 });
      return completed(summary, { bytesRead: 12 });
    });
    const waited = await warren(['publish', 'summarize', '--text', 'Rabbits dig.', '--wait', '--timeout', '30s']);
    expect(waited.code).toBe(0);
    expect(waited.stdout).toContain('Rabbits\n\n    3  Rabbits dig.\n\nkeywords  rabbits');
    expect(waited.stderr).toMatch(/completed: after \w+, on the first attempt/);

    const json = await warren(['publish', 'summarize', '--text', 'Rabbits dig on.', '--wait', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      state: 'completed',
      attempt: 1,
      result: summary,
      cost: { bytesRead: 12 },
    });
    expect(json.stderr).toBe('');
  }, 60_000);

  it('--wait ends without any event', async () => {
    await own.channel.deleteExchange(exchangeNames.events);
    await work(async () => completed(summary));
    const waited = await warren(['publish', 'summarize', '--text', 'Quiet rabbits dig.', '--wait', '--json']);
    expect(waited.code).toBe(0);
    await worker?.stop();
    worker = undefined;
    await own.applyTopology();
  }, 60_000);

  it('--wait ends with 1, the code, the reason and what to look at, when the task is parked', async () => {
    await work(async () => {
      throw new TaskFailure('not-found', 'rabbits.md does not exist');
    });
    const id = randomUUID();
    const waiting = warren(['publish', 'summarize', '--text', 'x y.', '--id', id, '--wait', '--json']);
    await until(async () => (await own.task(id))?.state === 'dead-lettered');
    const { dispatch } = await taskOf(id);
    await own.ledger.park(id, { dispatch, now: Date.now(), code: 'not-found', reason: 'rabbits.md does not exist' });
    const ended = await waiting;
    expect(ended.code).toBe(1);
    expect(JSON.parse(ended.stdout)).toMatchObject({ state: 'parked', code: 'not-found' });
    expect(errorOf(ended)).toEqual({
      code: 'not-found',
      message: `task ${id} is parked: waits for a person because not-found: rabbits.md does not exist`,
      next: `warren dead-letters show ${id}\nwarren dead-letters replay ${id}`,
    });
    const shown = await warren(['task', 'show', id]);
    expect(shown.stdout).toMatch(/tester#\w+ .*failed +not-found: rabbits\.md does not exist/);
    await worker?.stop();
    worker = undefined;
  }, 60_000);

  it('--wait --timeout and Ctrl-C say that the task goes on', async () => {
    const late = await warren(['publish', 'summarize', '--text', 'late.', '--wait', '--timeout', '100ms', '--json']);
    expect(late.code).toBe(1);
    expect(errorOf(late)).toMatchObject({ code: 'timeout', next: expect.stringContaining('warren task watch') });
    const stop = new AbortController();
    const id = randomUUID();
    const args = ['publish', 'summarize', '--text', 'later.', '--id', id, '--wait', '--json'];
    const waiting = warren(args, { interruption: stop.signal });
    await until(async () => (await own.task(id)) !== undefined);
    stop.abort();
    const stopped = await waiting;
    expect(stopped.code).toBe(1);
    expect(errorOf(stopped)).toMatchObject({ code: 'interrupted', next: `warren task watch ${id}` });
  }, 60_000);

  it('a cancelled task ends the waiting with 1', async () => {
    const id = randomUUID();
    const waiting = warren(['publish', 'summarize', '--text', 'cancelled.', '--id', id, '--wait', '--json']);
    await until(async () => (await own.task(id)) !== undefined);
    expect(await warren(['task', 'cancel', id, '--reason', 'nobody wants it'])).toMatchObject({ code: 0 });
    const ended = await waiting;
    expect(ended.code).toBe(1);
    expect(errorOf(ended).message).toBe(`task ${id} is cancelled: nobody wants it`);
  }, 60_000);

  it('result prints the result as JSON, or says why there is none', async () => {
    const [done] = await own.ledger.queries.tasks({ states: ['completed'], limit: 1 });
    const printed = await warren(['task', 'result', done?.id ?? '']);
    expect(JSON.parse(printed.stdout)).toEqual(summary);
    const [open] = await own.ledger.queries.tasks({ states: ['queued'], limit: 1 });
    const none = await warren(['task', 'result', open?.id ?? '', '--json']);
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(errorOf(none).message).toMatch(/has no result: it is queued, waits in queue tasks\.summarize/);
  });

  it('watch follows one task to its end, and all of them until it is interrupted', async () => {
    const id = randomUUID();
    await warren(['publish', 'summarize', '--text', 'watched.', '--id', id]);
    const stop = new AbortController();
    const watchingAll = warren(['task', 'watch', '--json'], { interruption: stop.signal });
    const watching = warren(['task', 'watch', id, '--json']);
    await work(async () => completed(summary));
    const states = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter((event) => event.id === id && event.state)
        .map(({ state }) => state);
    const ended = await watching;
    expect(ended.code).toBe(0);
    expect(states(ended.stdout).at(-1)).toBe('completed');
    await until(async () => (await own.ledger.queries.count()).queued === undefined);
    stop.abort();
    const all = await watchingAll;
    expect(all.code).toBe(0);
  }, 60_000);
});

describe('task show, list and cancel', () => {
  it('show says what a task waits for, and how many are before it', async () => {
    const own = await wayIn();
    const env = { AMQP_URL: own.amqpUrl, WARREN_MANAGEMENT_URL: own.managementUrl, LEDGER_URL: own.ledgerUrl };
    try {
      const ids: string[] = [];
      for (const priority of ['5', '5', '8', '2']) {
        const { stdout } = await warren(
          ['publish', 'summarize', '--text', `x ${ids.length}.`, '--priority', priority],
          { env },
        );
        ids.push(stdout.trim());
      }
      const why = async (id: string) => JSON.parse((await warren(['task', 'show', id, '--json'], { env })).stdout).why;
      await until(async () => (await own.ledger.queries.count()).queued === 4);
      const says = await Promise.all(ids.map(why));
      expect(says).toEqual([
        expect.stringContaining('behind 1 other'),
        expect.stringContaining('behind 2 others'),
        expect.stringContaining('is the next'),
        expect.stringContaining('behind 3 others'),
      ]);
      const shown = await warren(['task', 'show', ids[0] ?? ''], { env });
      expect(shown.stdout).toMatch(/STATE +queued: waits in queue tasks\.summarize behind 1 other/);
      expect(shown.stdout).toMatch(/INPUT +{"text":"x 0."}/);
    } finally {
      await own.dispose();
    }
  }, 60_000);

  it('show works without a broker', async () => {
    const id = await submit(['--text', 'Rabbits dig alone.']);
    const shown = await warren(['task', 'show', id], { env: { LEDGER_URL: ground.ledgerUrl } });
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain(id);
  });

  it('an id that is none, and one that nobody knows', async () => {
    const none = await warren(['task', 'show', 'abc', '--json']);
    expect(none.code).toBe(2);
    expect(errorOf(none)).toMatchObject({ field: '<id>' });
    const unknown = await warren(['task', 'show', randomUUID(), '--json']);
    expect(unknown.code).toBe(1);
    expect(errorOf(unknown)).toMatchObject({ code: 'not-found' });
  });

  it('list filters, pages and says that there is more', async () => {
    const tenant = `t-${randomUUID()}`;
    const ids: string[] = [];
    for (const n of [1, 2, 3])
      ids.unshift(await submit(['--text', `listed ${n}.`, '--tenant', tenant, '--group', `g${n}`]));
    const list = async (...args: string[]) => {
      const { stdout } = await warren(['task', 'list', '--tenant', tenant, '--json', ...args]);
      return JSON.parse(stdout).map(({ id }: { id: string }) => id);
    };
    expect(await list()).toEqual(ids);
    expect(await list('--limit', '2')).toEqual(ids.slice(0, 2));
    expect(await list('--limit', '2', '--after', ids[1] ?? '')).toEqual(ids.slice(2));
    expect(await list('--filter', 'group:g1,g2,g3 state:accepted,queued', '--after', ids[0] ?? '')).toEqual(
      ids.slice(1),
    );
    expect(await list('--filter', 'group:g1,g3')).toEqual([ids[0], ids[2]]);
    expect(await list('--filter', 'type:summarize,research state:accepted,queued age:<1h')).toEqual(ids);
    expect(await list('--state', 'parked')).toEqual([]);
    expect(await list('--since', '1h')).toEqual(ids);
    const table = await warren(['task', 'list', '--tenant', tenant, '--limit', '2', '--columns', 'task,group']);
    expect(table).toEqual({
      code: 0,
      stdout: `TASK${' '.repeat(34)}GROUP\n${ids[0]}  g3\n${ids[1]}  g2\n`,
      stderr: `there are more:\n  warren task list --tenant ${tenant} --limit 2 --columns task,group --after ${ids[1]}\n`,
    });
    // What is submitted meanwhile shifts no page.
    await submit(['--text', 'listed late.', '--tenant', tenant]);
    expect(await list('--after', ids[1] ?? '')).toEqual(ids.slice(2));
    expect(await warren(['task', 'list', '--after', randomUUID()])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--after: there is no task'),
    });
    expect(await warren(['task', 'list', '--tenant', 'nobody'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'no such task\n',
    });
  });

  it('cancel ends what is open, and says what is not', async () => {
    const id = await submit(['--text', 'to be cancelled.']);
    const both = await warren(['task', 'cancel', id, randomUUID(), '--json']);
    expect(both.code).toBe(3);
    expect(JSON.parse(both.stdout).map(({ cancelled }: { cancelled: boolean }) => cancelled)).toEqual([true, false]);
    expect(await taskOf(id)).toMatchObject({ state: 'cancelled', reason: 'cancelled by hand' });
    const again = await warren(['task', 'cancel', id]);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('already cancelled') });
  });
});
