import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newTask } from '../../../tests/fixtures/task.js';
import { type LedgerDatabase, openDatabase } from './database.js';
import { decideClaim, decideComplete, decidePublished } from './dispatch-rules.js';
import { LedgerUnavailable } from './failures.js';
import { openLedger } from './ledger.js';
import { migrate } from './migrations.js';
import { createWalSync } from './sqlite-wal.js';
import { createSubmissions } from './submissions.js';
import { createTransitions } from './transitions.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'warren-wal-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the sync of what was written ahead', () => {
  it('fails as long as there is nothing to sync, and works once there is', async () => {
    const wal = createWalSync(join(folder, 'ledger.db'));
    await expect(wal.sync()).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(join(folder, 'ledger.db'), '');
    await writeFile(join(folder, 'ledger.db-wal'), '');
    await Promise.all([wal.sync(), wal.sync(), wal.sync()]);
    wal.close();
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
  let sync: () => Promise<void>;

  beforeEach(async () => {
    const database = openDatabase(join(folder, 'ledger.db'));
    synced = 0;
    sync = database.sync;
    ledger = {
      ...database,
      sync: () => {
        synced += 1;
        return sync();
      },
    };
    await migrate(ledger);
    synced = 0;
  });
  afterEach(() => ledger.db.destroy());

  it('is on the disk before it is answered, unless a power cut may take it back', async () => {
    const { apply, note } = createTransitions(ledger);
    await createSubmissions(ledger).submit({ task: newTask('a'), payload: '{}' });
    expect(synced).toBe(1);
    await note('a', (task) => decidePublished(task, { dispatch: 1, now: 1 }));
    await apply('a', (task) => decideClaim(task, { ...claim, dispatch: 1, now: 2 }));
    expect(synced).toBe(1);
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
