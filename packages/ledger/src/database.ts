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
} from 'kysely';
import Libsql from 'libsql';
import type { BatchStatements } from './batch-statements.js';
import { postgresStatements } from './batch-statements-postgres.js';
import { sqliteStatements } from './batch-statements-sqlite.js';
import { LedgerMissing, readLedgerAddress } from './ledger-address.js';
import { openPostgres } from './postgres.js';
import type { Tables } from './schema.js';
import { createWalSync, type WalSync } from './sqlite-wal.js';

export interface LedgerDatabase {
  readonly kind: 'sqlite' | 'postgres';
  /** The URL without its password, for messages to people. */
  readonly label: string;
  readonly db: Kysely<Tables>;
  readonly statements: BatchStatements;
  /** Resolves when every commit so far survives a power cut. Postgres sees to that before it answers a commit. */
  sync(): Promise<void>;
}

/**
 * How long SQLite's driver may wait for another process's write, in milliseconds. It blocks the event loop while it waits,
 * so it does not: the retry around it is asynchronous.
 */
const sqliteBusyTimeoutMs = 0;

/** @param create whether to make a file that is not there; otherwise throws LedgerMissing. A server's tables are always made. */
export function openDatabase(url: string, create = true): LedgerDatabase {
  const address = readLedgerAddress(url);
  switch (address.kind) {
    case 'sqlite':
      if (create || existsSync(address.path)) return openSqlite(address.path);
      throw new LedgerMissing(`there is no ledger at ${resolve(address.path)}`);
    case 'postgres': {
      const { dialect, label } = openPostgres(address.url);
      return { kind: 'postgres', label, db: kyselyOver(dialect), statements: postgresStatements, sync: async () => {} };
    }
  }
}

/** A list that is empty holds nothing; only SQLite would understand `in ()` by itself. */
function kyselyOver(dialect: Dialect): Kysely<Tables> {
  const emptyLists = new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression });
  return new Kysely<Tables>({ dialect, plugins: [emptyLists] });
}

function openSqlite(path: string): LedgerDatabase {
  let connection: Libsql.Database | undefined;
  const wal = createWalSync(path);
  const connect = async () => {
    connection = openFile(path);
    return connectSqlite(connection, wal);
  };
  return {
    kind: 'sqlite',
    label: path,
    db: kyselyOver(new ImmediateSqliteDialect({ database: connect })),
    statements: sqliteStatements(() => {
      if (!connection) throw new Error('SQLite is asked before a transaction has begun: this is a defect');
      return connection;
    }),
    sync: wal.sync,
  };
}

function connectSqlite(database: Libsql.Database, wal: WalSync): SqliteDatabase {
  // NORMAL alone would lose the last commits in a power cut: whoever commits waits for `sync` before he says so.
  for (const pragma of ['journal_mode = WAL', 'synchronous = NORMAL', 'foreign_keys = ON'])
    database.exec(`pragma ${pragma}`);
  return {
    close: () => {
      wal.close();
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
