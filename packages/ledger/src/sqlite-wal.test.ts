import { mkdtemp, open, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { newTask } from '../../../tests/fixtures/task.js';
import { type LedgerDatabase, openDatabase } from './database.js';
import { decideClaim, decideComplete, decidePublished } from './dispatch-rules.js';
import { LedgerUnavailable } from './failures.js';
import { openLedger } from './ledger.js';
import { migrate } from './migrations.js';
import { openSqliteWal } from './sqlite-wal.js';
import { createSubmissions } from './submissions.js';
import { createTransitions } from './transitions.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'warren-wal-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the log that is written ahead', () => {
  it('can be flushed from beside once it is there, and no more when it was closed', async () => {
    const wal = openSqliteWal(join(folder, 'ledger.db'));
    await expect(wal.flush()).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(join(folder, 'ledger.db'), '');
    await writeFile(join(folder, 'ledger.db-wal'), '');
    await Promise.all([wal.flush(), wal.flush()]);
    wal.close();
    await expect(wal.flush()).rejects.toThrow('closed');
  });

  it('finds the log beside the database when its path is a link', async () => {
    await symlink(join(folder, 'ledger.db'), join(folder, 'link.db'));
    const ledger = await openLedger(join(folder, 'link.db'));
    expect(await ledger.submit({ task: newTask('a'), payload: '{}' })).toMatchObject({ kind: 'recorded' });
    await ledger.close();
  });
});

describe('a commit', () => {
  const claim = { copy: '', owner: 'a', redelivered: false, leaseMs: 1_000, maxCrashes: 3, alone: false };
  let ledger: LedgerDatabase;
  let synced: number;
  let soon: number;
  let sync: () => Promise<void>;

  beforeEach(async () => {
    const database = openDatabase(join(folder, 'ledger.db'));
    synced = 0;
    soon = 0;
    sync = database.onDisk.sync;
    ledger = {
      ...database,
      onDisk: {
        sync: () => {
          synced += 1;
          return sync();
        },
        syncSoon: () => {
          soon += 1;
        },
      },
    };
    await migrate(ledger);
    synced = 0;
  });
  afterEach(() => ledger.db.destroy());

  it('is on the disk before it is answered, unless a power cut may take it back', async () => {
    const { apply, note } = createTransitions(ledger);
    const submitted = newTask('a');
    await createSubmissions(ledger).submit({ task: submitted, payload: '{}' });
    expect(synced).toBe(1);
    const { dispatch, dispatchedAt } = submitted;
    await note('a', (task) => decidePublished(task, { dispatch, dispatchedAt, now: 1 }));
    await apply('a', (task) => decideClaim(task, { ...claim, dispatch: 1, now: 2 }));
    expect([synced, soon]).toEqual([1, 2]);
    await apply('a', (task) => decideComplete(task, { token: 1, now: 3, result: '1', cost: null }));
    expect(synced).toBe(2);
    // Whoever hears that it is over acks: the completion has to be on the disk, whoever made it.
    expect(await apply('a', (task) => decideClaim(task, { ...claim, dispatch: 1, now: 4 }))).toEqual({ kind: 'stale' });
    expect(synced).toBe(3);
  });

  it('shares its sync with the others of its batch', async () => {
    const { apply } = createTransitions(ledger);
    const { submit } = createSubmissions(ledger);
    await Promise.all(['a', 'b'].map((id) => submit({ task: newTask(id), payload: '{}' })));
    expect(synced).toBe(1);
    const complete = (id: string) =>
      apply(id, (task) => decideComplete(task, { token: 1, now: 3, result: '1', cost: null }));
    const start = (id: string) => apply(id, (task) => decideClaim(task, { ...claim, dispatch: 1, now: 2 }));
    await start('a');
    await Promise.all([complete('a'), start('b')]);
    expect(synced).toBe(2);
  });

  it('whose sync fails has no answer', async () => {
    sync = () => Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' }));
    const submitted = createSubmissions(ledger).submit({ task: newTask('a'), payload: '{}' });
    await expect(submitted).rejects.toBeInstanceOf(LedgerUnavailable);
  });
});

describe('a disk that failed', () => {
  it('is asked for nothing more until what was committed stands in the database file', async () => {
    const path = join(folder, 'ledger.db');
    const database = openDatabase(path);
    await migrate(database);
    const submissions = createSubmissions(database);
    await submissions.submit({ task: newTask('a'), payload: '{}' });
    expect((await stat(`${path}-wal`)).size).toBeGreaterThan(0);
    const file = await open(path);
    const flushes = jest.spyOn(Object.getPrototypeOf(file), 'datasync');
    await file.close();
    flushes.mockImplementationOnce(() => Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' })));
    await expect(submissions.submit({ task: newTask('b'), payload: '{}' })).rejects.toBeInstanceOf(LedgerUnavailable);
    flushes.mockRestore();
    expect(await submissions.submit({ task: newTask('b'), payload: '{}' })).toMatchObject({ kind: 'duplicate' });
    // The checkpoint has emptied the log, before anything was answered.
    expect((await stat(`${path}-wal`)).size).toBe(0);
    await database.db.destroy();
  });
});
