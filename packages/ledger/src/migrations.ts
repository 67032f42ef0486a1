import { type Kysely, sql } from 'kysely';
import type { LedgerDatabase } from './database.js';
import type { Tables } from './schema.js';
import { inTransaction, persistently } from './transactions.js';

/**
 * One entry a released change of the schema, oldest first; what is released is never edited. `{bytes}` is BLOB or BYTEA;
 * `{clustered}` puts a table's rows into the tree of its primary key, where SQLite would keep two trees.
 */
const migrations: readonly (readonly string[])[] = [
  [
    `create table tasks (
      id text primary key,
      type text not null,
      priority integer not null,
      state text not null,
      dispatch integer not null,
      attempt integer not null,
      allowance_from integer not null,
      token integer not null,
      lease_owner text,
      lease_copy text,
      lease_until bigint,
      lost_tokens text not null,
      owed text,
      dispatched_at bigint not null,
      due_at bigint not null,
      published_at bigint,
      expires_ms bigint,
      deadline_at bigint,
      fingerprint text not null,
      idempotency_key text,
      tenant text not null,
      task_group text,
      entities text not null,
      correlation_id text,
      reply_to text,
      traceparent text,
      duplicates integer not null,
      reason_code text,
      reason text,
      progress text,
      created_at bigint not null,
      updated_at bigint not null,
      started_at bigint,
      finished_at bigint
    )`,
    'create unique index tasks_idempotency on tasks (tenant, idempotency_key) where idempotency_key is not null',
    'create index tasks_owed on tasks (dispatched_at) where owed is not null',
    'create index tasks_by_state on tasks (state, type, published_at)',
    'create index tasks_created on tasks (created_at)',
    `create table inputs (
      task_id text primary key references tasks (id) on delete cascade,
      payload text not null
    ){clustered}`,
    `create table attempts (
      task_id text not null references tasks (id) on delete cascade,
      token integer not null,
      attempt integer not null,
      dispatch integer not null,
      worker text not null,
      started_at bigint not null,
      ended_at bigint,
      outcome text not null,
      code text,
      error text,
      stack text,
      retry_after_ms bigint,
      primary key (task_id, token)
    ){clustered}`,
    `create table results (
      task_id text primary key references tasks (id) on delete cascade,
      result text not null,
      cost text,
      completed_at bigint not null
    ){clustered}`,
    `create table dead_letters (
      id text primary key,
      fingerprint text not null unique,
      task_id text references tasks (id) on delete cascade,
      type text,
      dispatch integer,
      state text not null,
      code text not null,
      reason text not null,
      rule text,
      advice text,
      body {bytes} not null,
      properties text not null,
      source_queue text not null,
      routing_key text not null,
      related text not null,
      first_seen bigint not null,
      last_seen bigint not null,
      times_seen integer not null,
      unfinished integer not null,
      resolved_at bigint,
      resolution text
    )`,
    'create index dead_letters_by_state on dead_letters (state, last_seen)',
    'create index dead_letters_by_task on dead_letters (task_id)',
    `create table named_leases (
      name text primary key,
      owner text not null,
      until bigint not null
    )`,
  ],
  [
    'alter table dead_letters add column escalated_to text',
    'alter table dead_letters add column escalated_at bigint',
    `create table acts_by_hand (
      id text primary key,
      task_id text references tasks (id) on delete cascade,
      letter_id text references dead_letters (id) on delete cascade,
      act text not null,
      done_by text not null,
      recipient text,
      note text,
      done_at bigint not null
    )`,
    'create index acts_by_hand_on_task on acts_by_hand (task_id)',
    'create index acts_by_hand_on_letter on acts_by_hand (letter_id)',
  ],
  [
    'create index tasks_ended on tasks (state, finished_at, id) where finished_at is not null',
    'create index dead_letters_ended on dead_letters (state, resolved_at, id) where resolved_at is not null',
  ],
  ["create index tasks_parked on tasks (state, dispatched_at, id) where state = 'parked'"],
  [
    `create table living_queues (
      queue text primary key,
      role text not null,
      state text not null
    )`,
  ],
];

/** Any number that all processes agree on; it names the lock under which migrations run. */
const migrationLock = 7_277_361;

/**
 * Brings the schema up to date. Safe with any number of processes starting at once: one does it, the others wait. Where it
 * is up to date already, nothing is locked and nothing written.
 */
export async function migrate(database: LedgerDatabase): Promise<void> {
  const { kind } = database;
  if (await persistently(database, (db) => isUpToDate(db, kind))) return;
  await inTransaction(database, async (transaction) => {
    if (kind === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(migrationLock)})`.execute(transaction);
    await sql`create table if not exists schema_version (version integer primary key)`.execute(transaction);
    const present = await currentVersion(transaction);
    for (const [index, statements] of migrations.entries()) {
      if (index >= present) await applyMigration(transaction, kind, index + 1, statements);
    }
  });
}

async function isUpToDate(db: Kysely<Tables>, kind: LedgerDatabase['kind']): Promise<boolean> {
  const { rows } = await (kind === 'postgres'
    ? sql`select 1 where to_regclass('schema_version') is not null`
    : sql`select 1 from sqlite_master where type = 'table' and name = 'schema_version'`
  ).execute(db);
  return rows.length > 0 && (await currentVersion(db)) === migrations.length;
}

/** Throws when a newer Warren wrote the schema. */
async function currentVersion(db: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ version: number | null }>`select max(version) as version from schema_version`.execute(
    db,
  );
  const version = rows[0]?.version ?? 0;
  if (version <= migrations.length) return version;
  throw new Error(
    `the ledger's schema has version ${version}, this Warren knows ${migrations.length}: start the newer Warren that wrote it`,
  );
}

function wordsOf(kind: LedgerDatabase['kind'], statement: string): string {
  const [bytes, clustered] = kind === 'postgres' ? ['bytea', ''] : ['blob', ' without rowid'];
  return statement.replaceAll('{bytes}', bytes).replaceAll('{clustered}', clustered);
}

async function applyMigration(
  transaction: Kysely<Tables>,
  kind: LedgerDatabase['kind'],
  version: number,
  statements: readonly string[],
): Promise<void> {
  for (const statement of statements) {
    await sql.raw(wordsOf(kind, statement)).execute(transaction);
  }
  await sql`insert into schema_version (version) values (${version})`.execute(transaction);
}
