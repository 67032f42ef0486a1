import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Ledger, LedgerUnavailable, openLedger } from '@warren/ledger';
import type { PrivatePostgres } from '@warren/local';
import Libsql from 'libsql';
import { claimRun, newTask } from './support/ledger.js';
import { startOwnPostgres } from './support/postgres.js';

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
