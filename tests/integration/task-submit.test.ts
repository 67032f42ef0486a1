import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { workQueue } from '@warren/topology';
import { z } from 'zod';
import { freshDatabase } from './support/postgres.js';
import { errorOf, type TaskCommands, taskCommands } from './support/task-commands.js';
import { type WayIn, wayIn } from './support/way-in.js';

let ground: WayIn;
let folder: string;
let warren: TaskCommands['warren'];
let submit: TaskCommands['submit'];
let taskOf: TaskCommands['taskOf'];

beforeAll(async () => {
  ground = await wayIn();
  ({ folder, warren, submit, taskOf } = taskCommands(ground));
  writeFileSync(path.join(folder, 'note.md'), '# Rabbits\n\nRabbits dig.\n');
}, 60_000);
afterAll(() => ground.dispose(), 60_000);

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
    expect(stderr).toMatch(/task accepted: starts in (1h|59m5\ds) \(.*\), as its submitter asked/);
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
    expect(unset.code).toBe(1);
    expect(errorOf(unset)).toMatchObject({ field: 'AMQP_URL', next: expect.stringContaining('warren up') });
  });

  it('no broker: names it without its password, and records nothing', async () => {
    const id = randomUUID();
    const refused = await warren([...text, '--id', id], {
      env: { AMQP_URL: withPassword, LEDGER_URL: ground.ledgerUrl },
    });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(errorOf(refused).message).toMatch(/127\.0\.0\.1:1.*; nothing was recorded$/);
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
