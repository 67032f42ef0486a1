import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  HandleEmptyInListsPlugin,
  Kysely,
  replaceWithNoncontingentExpression,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
  sql,
} from 'kysely';
import Libsql from 'libsql';
import { z } from 'zod';
import type { BatchStatements } from './batch-statements.js';
import { postgresStatements } from './batch-statements-postgres.js';
import { sqliteStatements } from './batch-statements-sqlite.js';
import { LedgerMissing, readLedgerAddress } from './ledger-address.js';
import { openPostgres } from './postgres.js';
import type { Tables } from './schema.js';
import { createSharedSync, type SharedSync } from './shared-sync.js';
import { openSqliteWal } from './sqlite-wal.js';

export interface LedgerDatabase {
  readonly kind: 'sqlite' | 'postgres';
  /** The URL without its password, for messages to people. */
  readonly label: string;
  readonly db: Kysely<Tables>;
  readonly statements: BatchStatements;
  /** Postgres brings a commit to the disk before it answers. */
  readonly onDisk: Pick<SharedSync, 'sync' | 'syncSoon'>;
}

export interface OpenLedgerOptions {
  /** Default true. */
  readonly create?: boolean;
}

/**
 * How long SQLite's driver may wait for another process's write, in milliseconds. It blocks the event loop while it waits,
 * so it does not: the retry around it is asynchronous.
 */
const sqliteBusyTimeoutMs = 0;

/** A file that is not there is made, unless `create` is false: then throws LedgerMissing. A server's tables are always made. */
export function openDatabase(url: string, { create = true }: OpenLedgerOptions = {}): LedgerDatabase {
  const address = readLedgerAddress(url);
  switch (address.kind) {
    case 'sqlite':
      if (create || existsSync(address.path)) return openSqlite(address.path);
      throw new LedgerMissing(`there is no ledger at ${resolve(address.path)}`);
    case 'postgres': {
      const { dialect, label } = openPostgres(address.url);
      return { kind: 'postgres', label, db: kyselyOver(dialect), statements: postgresStatements, onDisk: always };
    }
  }
}

const always: LedgerDatabase['onDisk'] = { sync: async () => undefined, syncSoon: () => undefined };

/** A list that is empty holds nothing; only SQLite would understand `in ()` by itself. */
function kyselyOver(dialect: Dialect): Kysely<Tables> {
  const emptyLists = new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression });
  return new Kysely<Tables>({ dialect, plugins: [emptyLists] });
}

function openSqlite(path: string): LedgerDatabase {
  let connection: Libsql.Database | undefined;
  const wal = openSqliteWal(path);
  const onDisk = createSharedSync({ flush: wal.flush, rewrite: () => rewriteLog(db) });
  const connect = async () => {
    connection = openFile(path);
    return connectSqlite(connection, () => {
      onDisk.end();
      wal.close();
    });
  };
  const db = kyselyOver(new ImmediateSqliteDialect({ database: connect }));
  return {
    kind: 'sqlite',
    label: path,
    db,
    statements: sqliteStatements(() => {
      if (!connection) throw new Error('SQLite is asked before a transaction has begun: this is a defect');
      return connection;
    }),
    onDisk,
  };
}

const checkpointAnswer = z.object({ busy: z.number() });

/** Into the database file, which the checkpoint syncs; what the log held is never read again. */
async function rewriteLog(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql`pragma wal_checkpoint(truncate)`.execute(db);
  if (checkpointAnswer.parse(rows[0]).busy === 0) return;
  throw new Error('its disk failed to take a commit, which is written anew as soon as no other process is in the way');
}

function connectSqlite(database: Libsql.Database, onClose: () => void): SqliteDatabase {
  // NORMAL alone would lose the last commits in a power cut: whoever commits waits for `onDisk` before he says so.
  for (const pragma of ['journal_mode = WAL', 'synchronous = NORMAL', 'foreign_keys = ON'])
    database.exec(`pragma ${pragma}`);
  refuseOtherJournal(database);
  return {
    close: () => {
      onClose();
      database.close();
    },
    prepare: (statement) => {
      if (isTransactionWord(statement)) return executed(database, statement);
      const prepared = database.prepare(statement);
      return {
        reader: prepared.reader,
        all: (parameters) => prepared.all(...parameters),
        run: (parameters) => {
          const { changes, lastInsertRowid } = prepared.run(...parameters);
          return { changes, lastInsertRowid };
        },
        iterate: (parameters) => prepared.iterate(...parameters),
      };
    },
  };
}

/** SQLite answers with what it could do, and complains of nothing. */
function refuseOtherJournal(database: Libsql.Database): void {
  const answer = z.object({ journal_mode: z.string() }).parse(database.prepare('pragma journal_mode').get());
  if (answer.journal_mode === 'wal') return;
  const cause = new Error(
    'its file system holds no write-ahead log: put the ledger on a local disk, or use Postgres (LEDGER_URL)',
  );
  throw Object.assign(cause, { code: 'SQLITE_CANTOPEN' });
}

function openFile(path: string): Libsql.Database {
  try {
    return new Libsql(path, { timeout: sqliteBusyTimeoutMs });
  } catch (error) {
    // The driver says it without a code.
    const cause = new Error("its file can't be opened: see that its folder exists and may be written", {
      cause: error,
    });
    throw Object.assign(cause, { code: 'SQLITE_CANTOPEN' });
  }
}

function isTransactionWord(statement: string): boolean {
  return /^(begin|commit|rollback)\b/.test(statement);
}

/**
 * A prepared statement that meets a locked database stays in progress until it is collected as garbage: no transaction of
 * its connection can commit any more, and the next one finds an old snapshot. So what may meet a lock is never prepared:
 * a write begins with `begin immediate`, and that is executed.
 */
function executed(database: Libsql.Database, statement: string): ReturnType<SqliteDatabase['prepare']> {
  return {
    reader: false,
    all: () => [],
    run: () => {
      // A full disk ends a transaction by itself. A complaint that there is none to roll back would hide why.
      if (statement !== 'rollback' || database.inTransaction) database.exec(statement);
      return { changes: 0, lastInsertRowid: 0 };
    },
    iterate: () => [][Symbol.iterator](),
  };
}

/** A transaction that reads and then writes must own the write lock from its start, or it fails with a stale snapshot. */
class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: { database: () => Promise<SqliteDatabase> };

  constructor(config: { database: () => Promise<SqliteDatabase> }) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config);
  }
}

class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
}
