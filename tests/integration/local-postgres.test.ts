import { existsSync, statSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { startOwnPostgres } from './support/postgres.js';
import { listeningAddresses, processesOf } from './support/processes.js';

describe('a private Postgres', () => {
  it('is killed, started again with its data, stopped, and leaves no process; never as root', async () => {
    const postgres = await startOwnPostgres();
    try {
      expect(statSync(`/proc/${postgres.pid}`).uid).not.toBe(0);
      expect(listeningAddresses(processesOf(postgres.directory))).toEqual(['127.0.0.1']);
      await query(postgres.url, 'create table kept (number integer)');

      await postgres.kill();
      expect(postgres.pid).toBeUndefined();
      expect(processesOf(postgres.directory)).toEqual([]);

      await postgres.start();
      expect(await query(postgres.url, 'select count(*)::int as rows from kept')).toEqual([{ rows: 0 }]);

      await postgres.stop();
      expect(processesOf(postgres.directory)).toEqual([]);
      await expect(query(postgres.url, 'select 1')).rejects.toThrow('ECONNREFUSED');
    } finally {
      await postgres.discard();
    }
    expect(existsSync(postgres.directory)).toBe(false);
  }, 60_000);

  it('lets nobody in without the password', async () => {
    const postgres = await startOwnPostgres();
    try {
      const url = new URL(postgres.url);
      url.password = 'guessed';
      await expect(query(url.href, 'select 1')).rejects.toThrow('password authentication failed');
    } finally {
      await postgres.discard();
    }
  }, 60_000);
});

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
