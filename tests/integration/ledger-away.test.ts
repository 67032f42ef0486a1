import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { EventEmitter, on, once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Ledger, LedgerUnavailable, openLedger } from '@warren/ledger';
import type { PrivatePostgres } from '@warren/local';
import Libsql from 'libsql';
import { Client } from 'pg';
import { newTask } from '../fixtures/task.js';
import { claimRun } from './support/ledger.js';
import { type FreshDatabase, freshDatabase, startOwnPostgres } from './support/postgres.js';

const now = 1_800_000_000_000;

describe('a ledger on Postgres that goes away', () => {
  let postgres: PrivatePostgres;
  let ledger: Ledger;

  beforeAll(async () => {
    postgres = await startOwnPostgres();
    ledger = await openLedger(postgres.url);
  }, 120_000);

  afterAll(async () => {
    await ledger?.close();
    await postgres?.discard();
  }, 60_000);

  it('is unavailable while it is stopped, and goes on when it is back', async () => {
    const id = randomUUID();
    await ledger.submit({ task: newTask(id), payload: '{}' });
    const token = await claimRun(ledger, id, now);
    await postgres.stop();

    const refused = await Promise.allSettled([
      ledger.renew(id, { token, now, leaseMs: 1_000 }),
      ledger.complete(id, { token, now, result: '{}', cost: null }),
      ledger.submit({ task: newTask(randomUUID()), payload: '{}' }),
      ledger.queries.task(id),
      ledger.letters.count(),
      ledger.sweeps.owedCount(),
      ledger.leases.acquire('sweeper', 'a', now, 1_000),
    ]);
    expect(refused.map((answer) => answer.status === 'rejected' && answer.reason instanceof LedgerUnavailable)).toEqual(
      refused.map(() => true),
    );
    expect(String(refused.map((answer) => answer.status === 'rejected' && answer.reason)[0])).toContain(ledger.label);

    const back = ledger.untilAvailable(new AbortController().signal);
    await postgres.start();
    await back;

    expect(await ledger.complete(id, { token, now, result: '{}', cost: null })).toMatchObject({ kind: 'done' });
  }, 120_000);

  it('keeps whatever it said it kept when it is killed in the middle of commits', async () => {
    const tasks = Array.from({ length: 2_000 }, () => newTask(randomUUID()));
    const [first, ...rest] = tasks.map((task) => ledger.submit({ task, payload: '{}' }));
    await first;

    await postgres.kill();
    const answers = await Promise.allSettled([first, ...rest]);
    const back = ledger.untilAvailable(new AbortController().signal);
    await postgres.start();
    await back;

    const kept = await Promise.all(tasks.map(({ id }) => ledger.queries.task(id)));
    const lost = answers.filter((answer, index) => answer.status === 'fulfilled' && kept[index] === undefined);
    expect(lost).toEqual([]);
    const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
    expect(reasons.filter((reason) => !(reason instanceof LedgerUnavailable))).toEqual([]);

    // The same words again: whatever was kept is a duplicate, the rest is recorded now.
    const again = await Promise.all(tasks.map((task) => ledger.submit({ task, payload: '{}' })));
    expect(again.map(({ kind }) => kind)).toEqual(kept.map((task) => (task ? 'duplicate' : 'recorded')));
  }, 120_000);

  it('is waited for no longer than the caller wants', async () => {
    await postgres.stop();
    const controller = new AbortController();
    const waiting = ledger.untilAvailable(controller.signal);

    controller.abort(new Error('enough'));

    await expect(waiting).rejects.toThrow();
    await postgres.start();
  }, 120_000);

  it('survives that the server closes its idle connections', async () => {
    await ledger.queries.count();
    await postgres.stop();
    await postgres.start();

    await ledger.untilAvailable(new AbortController().signal);

    expect(await ledger.queries.count()).toBeDefined();
  }, 120_000);
});

/** An address in which the server says more than usual, such as `query_timeout=500`. */
function withSetting(url: string, name: string, value: string): string {
  const changed = new URL(url);
  changed.searchParams.set(name, value);
  return changed.href;
}

describe('a ledger on Postgres that answers no more, or not in full', () => {
  let database: FreshDatabase;
  let proxy: MutingProxy;
  const ledgers: Ledger[] = [];

  beforeAll(async () => {
    database = await freshDatabase();
    proxy = await startMutingProxy(database.url);
  }, 120_000);

  afterAll(async () => {
    proxy?.stop();
    await Promise.all(ledgers.map((ledger) => ledger.close()));
    await database?.dispose();
  }, 60_000);

  async function open(url: string): Promise<Ledger> {
    const ledger = await openLedger(url);
    ledgers.push(ledger);
    return ledger;
  }

  async function execute(...statements: readonly string[]): Promise<void> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  /** Makes every session but the one that says so begin anew, with what was altered since. */
  const endSessions = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`;

  it('is unavailable while it can only be read, and waited for until it takes a write', async () => {
    const ledger = await open(database.url);
    const id = randomUUID();
    await ledger.submit({ task: newTask(id), payload: '{}' });
    await execute(`alter database ${database.name} set default_transaction_read_only = on`, endSessions);

    await expect(ledger.submit({ task: newTask(randomUUID()), payload: '{}' })).rejects.toThrow(LedgerUnavailable);
    expect(await ledger.queries.task(id)).toMatchObject({ id });
    await expect(ledger.untilAvailable(AbortSignal.timeout(2_000))).rejects.toThrow();
    // For those who only read it may be opened as well.
    expect(await (await open(database.url)).queries.task(id)).toMatchObject({ id });

    const back = ledger.untilAvailable(AbortSignal.timeout(30_000));
    await execute(
      'set default_transaction_read_only = off',
      `alter database ${database.name} reset default_transaction_read_only`,
      endSessions,
    );
    await back;
    expect(await ledger.submit({ task: newTask(randomUUID()), payload: '{}' })).toMatchObject({ kind: 'recorded' });
    await expect((await open(database.url)).leases.acquire('proof', 'nobody', now, 0)).resolves.toBe(true);
  }, 120_000);

  it('is unavailable when it does not answer, and is not asked again on the connections that were silent', async () => {
    const ledger = await open(withSetting(proxy.url, 'query_timeout', '500'));
    await ledger.queries.count();
    proxy.mute();

    await expect(ledger.queries.count()).rejects.toThrow(LedgerUnavailable);

    // What is connected from now on is heard; the old connections stay as they are.
    await ledger.untilAvailable(AbortSignal.timeout(30_000));
    expect(await ledger.queries.count()).toBeDefined();
  }, 60_000);

  /** Stands for a server that ends a statement after 30 seconds: this one ends it after 12 MiB. */
  const endHeavy = (table: string, column: string) => [
    `create function end_heavy_${table}() returns trigger language plpgsql as $$ begin
       if (select sum(length(${column})) from given) > 12 * 1024 * 1024 then
         raise exception 'canceling statement due to statement timeout' using errcode = 'query_canceled';
       end if;
       return null;
     end $$`,
    `create trigger end_heavy after insert on ${table} referencing new table as given
       for each statement execute function end_heavy_${table}()`,
  ];

  it('is asked for no more at once than it can take in time, however much waits', async () => {
    const ledger = await open(database.url);
    await execute(...endHeavy('inputs', 'payload'), ...endHeavy('results', 'result'));
    const large = JSON.stringify('x'.repeat(1024 * 1024 - 2));
    const ids = Array.from({ length: 24 }, () => randomUUID());

    const submitted = await Promise.allSettled(ids.map((id) => ledger.submit({ task: newTask(id), payload: large })));
    expect(submitted).toMatchObject(ids.map(() => ({ status: 'fulfilled', value: { kind: 'recorded' } })));

    const tokens = await Promise.all(ids.map((id) => claimRun(ledger, id, now)));
    const completed = await Promise.allSettled(
      ids.map((id, index) => ledger.complete(id, { token: tokens[index] ?? 0, now, result: large, cost: null })),
    );
    expect(completed).toMatchObject(ids.map(() => ({ status: 'fulfilled', value: { kind: 'done' } })));
  }, 60_000);

  it('is told at the start of each session how long it may hold what others wait for', async () => {
    const startup = proxy.nextSaid('application_name\0warren\0');
    await open(proxy.url);

    expect(await startup).toContain('statement_timeout\x0030000\0');
    expect(await startup).toContain('idle_in_transaction_session_timeout\x0010000\0');
  }, 30_000);

  it('is no longer waited for by who stops, however silent it is', async () => {
    const ledger = await open(withSetting(proxy.url, 'query_timeout', '50000'));
    const stop = new AbortController();
    const waiting = ledger.untilAvailable(stop.signal);
    await proxy.muteAt('insert into "named_leases"');

    stop.abort(new Error('stopped'));

    await expect(waiting).rejects.toThrow('stopped');
  }, 30_000);

  it('frees the rows of a process that fell silent in the middle of a transaction', async () => {
    const [victim, other] = [await open(proxy.url), await open(database.url)];
    const held = victim.leases.acquire('held', 'victim', now, 1_000);
    held.catch(() => undefined);
    await proxy.muteAt('insert into "named_leases"');

    // Waits for the row that the victim has written and can't commit.
    expect(await other.leases.acquire('held', 'other', now, 1_000)).toBe(true);
  }, 60_000);
});

interface MutingProxy {
  /** The address of the same database by way of this proxy. */
  readonly url: string;
  /** Nothing comes through any more on the present connections; they stay open. */
  mute(): void;
  /** Mutes the next connection that says `words`, behind the packet that holds them. Resolves when that is so. */
  muteAt(words: string): Promise<void>;
  /** The next packet from a client or the server that holds `words`. */
  nextSaid(words: string): Promise<string>;
  stop(): void;
}

async function startMutingProxy(databaseUrl: string): Promise<MutingProxy> {
  const url = new URL(databaseUrl);
  const target = { host: url.hostname, port: Number(url.port) };
  const said = new EventEmitter();
  const sockets = new Set<Socket>();
  let muted = new Set<Socket>();
  let awaited: string | undefined;
  const server = createServer((client) => {
    const upstream = connect(target);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
      from.on('data', (chunk: Buffer) => {
        if (muted.has(client)) return;
        to.write(chunk);
        said.emit('chunk', chunk);
        if (awaited === undefined || !chunk.includes(awaited)) return;
        awaited = undefined;
        muted.add(client);
        said.emit('said');
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  url.port = String(address.port);
  return {
    url: url.href,
    mute() {
      muted = new Set(sockets);
    },
    async muteAt(words) {
      awaited = words;
      await once(said, 'said');
    },
    async nextSaid(words) {
      for await (const [chunk] of on(said, 'chunk')) if (chunk.includes(words)) return String(chunk);
      throw new Error('the proxy was stopped');
    },
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

describe('a ledger on SQLite', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'warren-ledger-away-'));

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is unavailable when no room is left for what is written', async () => {
    const compiled = pathToFileURL(path.resolve(import.meta.dirname, '../../packages/ledger/dist/index.js')).href;
    const script = `
      const { openLedger } = await import(${JSON.stringify(compiled)});
      const ledger = await openLedger(${JSON.stringify(path.join(folder, 'full.db'))});
      const task = ${JSON.stringify(newTask(''))};
      const payload = JSON.stringify('x'.repeat(500_000));
      const submit = (id) => ledger.submit({ task: { ...task, id, fingerprint: id }, payload });
      const answers = [];
      while (answers.length < 20 && !answers.includes('LedgerUnavailable')) {
        answers.push(await submit(String(answers.length)).then(({ kind }) => kind, ({ name }) => name));
      }
      process.stdout.write([...new Set(answers), (await ledger.queries.count()).accepted > 0].join(' '));
    `;
    // No file of this process may grow beyond 2,000 blocks of 512 bytes.
    const child = spawn(
      'sh',
      ['-c', 'ulimit -f 2000 && exec "$0" "$@"', process.execPath, '--input-type=module', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    await once(child, 'close');

    expect(printed).toBe('recorded LedgerUnavailable true');
  });

  it('is opened and read while somebody else writes, and waited for by who wants to write', async () => {
    const file = path.join(folder, 'busy.db');
    const id = randomUUID();
    const ledger = await openLedger(file);
    await ledger.submit({ task: newTask(id), payload: '{}' });
    const writer = new Libsql(file);
    writer.exec('begin immediate');

    const reader = await openLedger(file);
    expect(await reader.queries.task(id)).toMatchObject({ id });
    await Promise.all(everyReadOf(reader, id));
    await expect(reader.untilAvailable(AbortSignal.timeout(2_000))).rejects.toThrow();

    writer.exec('rollback');
    writer.close();
    await reader.untilAvailable(AbortSignal.timeout(30_000));
    await Promise.all([reader.close(), ledger.close()]);
  }, 60_000);
});

/** Whatever shows something and changes nothing. */
function everyReadOf({ letters, queries, sweeps }: Ledger, id: string): Promise<unknown>[] {
  return [
    queries.task(id),
    queries.tasks({ limit: 10 }),
    queries.count(),
    queries.payload(id),
    queries.runs(id),
    queries.result(id),
    letters.find(id),
    letters.list({ limit: 10, tenants: ['acme'] }),
    letters.count(),
    sweeps.owed(now, 10),
    sweeps.owedCount(),
    sweeps.waiting('summarize', now, 10),
    sweeps.waitingTypes(now),
    sweeps.undecided(now, 10),
    sweeps.newestClaimed('summarize', { from: 0, to: 5 }, now),
    sweeps.newestDecided(now),
  ];
}

describe('a ledger that cannot be opened', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'warren-ledger-away-'));

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('names the address that refused, without the password', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    server.close();
    await once(server, 'close');

    const opening = openLedger(`postgres://warren:s3cret@localhost:${address.port}/warren`);

    await expect(opening).rejects.toThrow(LedgerUnavailable);
    const error = await opening.catch(String);
    expect(error).toMatch(new RegExp(`localhost:${address.port}/warren does not answer: .*ECONNREFUSED`));
    expect(error).not.toContain('s3cret');
  });

  it('is given up after a while on a server that says nothing', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');

    await expect(openLedger(`postgres://warren@127.0.0.1:${address.port}/warren`)).rejects.toThrow(LedgerUnavailable);

    server.close();
  }, 60_000);

  it.each([
    ['whose folder does not exist', () => path.join(folder, 'none', 'ledger.db')],
    ['that is a folder', () => folder],
  ])('is unavailable at a path %s', async (_, file) => {
    await expect(openLedger(file())).rejects.toThrow(LedgerUnavailable);
    await expect(openLedger(file())).rejects.toThrow(file());
  });

  it('says so about a file that is no database', async () => {
    const file = path.join(folder, 'text.db');
    writeFileSync(file, 'this is a text and no database, however long it is made to be '.repeat(100));

    await expect(openLedger(file)).rejects.toThrow(/not a database/);
  });

  it('is unavailable in a folder that may not be written', async () => {
    const locked = path.join(folder, 'locked');
    mkdirSync(locked);
    chmodSync(locked, 0o555);
    chmodSync(folder, 0o755);
    const compiled = pathToFileURL(path.resolve(import.meta.dirname, '../../packages/ledger/dist/index.js')).href;
    const script = `
      // Root may write everywhere, so the attempt is made as nobody; what is imported is loaded before.
      const { openLedger } = await import(${JSON.stringify(compiled)});
      if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
      const error = await openLedger(${JSON.stringify(path.join(locked, 'ledger.db'))}).catch((reason) => reason);
      process.stdout.write(error.name);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    await once(child, 'close');

    expect(printed).toBe('LedgerUnavailable');
  });

  it('refuses a schema that a newer Warren wrote', async () => {
    const file = path.join(folder, 'newer.db');
    await (await openLedger(file)).close();
    const database = new Libsql(file);
    database.exec('insert into schema_version (version) values (99)');
    database.close();

    await expect(openLedger(file)).rejects.toThrow(/version 99.*newer Warren/);
  });

  it.each([
    ['a path', (file: string) => file],
    ['a file URL', (file: string) => pathToFileURL(file).href],
    ['a sqlite URL', (file: string) => pathToFileURL(file).href.replace('file:', 'sqlite:')],
  ])('is found by %s, whatever the path holds', async (_, url) => {
    const file = path.join(folder, `a b %41 é #${randomUUID()}.db`);
    const id = randomUUID();
    const first = await openLedger(url(file));
    await first.submit({ task: newTask(id), payload: '{}' });
    await first.close();

    const second = await openLedger(file);

    expect(second.label).toBe(file);
    expect(await second.queries.task(id)).toMatchObject({ id });
    await second.close();
  });
});
