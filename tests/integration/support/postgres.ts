import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { findPostgres, type PrivatePostgres, startPrivatePostgres } from '@warren/local';
import { Client } from 'pg';

/** A database that nobody else uses, on the run's Postgres. */
export interface FreshDatabase {
  /** With user and password. */
  readonly url: string;
  readonly name: string;
  /** Closes whatever is still connected to it and deletes it. */
  dispose(): Promise<void>;
}

/** The Postgres that this test file started because nobody had started one for it. */
let ownPostgres: Promise<PrivatePostgres> | undefined;
const folders: string[] = [];

afterAll(async () => {
  await (await ownPostgres)?.discard();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}, 60_000);

/**
 * A new, empty database on the Postgres of the run (`npm test` starts it and names it in WARREN_TEST_POSTGRES_URL); where a
 * test file is run without one, on a Postgres of the file's own. Never skips.
 */
export async function freshDatabase(): Promise<FreshDatabase> {
  const adminUrl = process.env.WARREN_TEST_POSTGRES_URL || (await postgresOfThisFile()).url;
  const name = `test_${randomBytes(6).toString('hex')}`;
  await execute(adminUrl, `create database ${name}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return { url: url.href, name, dispose: () => execute(adminUrl, `drop database if exists ${name} with (force)`) };
}

/** A Postgres of the test's own, for tests that stop it or kill it. The test discards it. */
export async function startOwnPostgres(): Promise<PrivatePostgres> {
  const software = findPostgres(process.cwd());
  if (software === undefined) {
    throw new Error('no Postgres for the tests: run "npm ci", or install Debian\'s package "postgresql"');
  }
  const directory = mkdtempSync(join(tmpdir(), 'warren-postgres-'));
  folders.push(directory);
  return await startPrivatePostgres({ directory, software });
}

function postgresOfThisFile(): Promise<PrivatePostgres> {
  ownPostgres ??= startOwnPostgres();
  return ownPostgres;
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
