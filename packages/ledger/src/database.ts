import { fileURLToPath } from 'node:url';
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
import { openPostgres } from './postgres.js';
import type { Tables } from './schema.js';

export interface LedgerDatabase {
  readonly kind: 'sqlite' | 'postgres';
  /** The URL without its password, for messages to people. */
  readonly label: string;
  readonly db: Kysely<Tables>;
  readonly statements: BatchStatements;
}

/**
 * How long SQLite's driver may wait for another process's write, in milliseconds. It blocks the event loop while it waits,
 * so it does not: the retry around it is asynchronous.
 */
const sqliteBusyTimeoutMs = 0;

/** `sqlite:///absolute/path`, `file:///absolute/path`, a plain path, or `postgres://…`. */
export function openDatabase(url: string): LedgerDatabase {
  if (!/^postgres(ql)?:/.test(url)) return openSqlite(sqlitePath(url));
  const { dialect, label } = openPostgres(url);
  return { kind: 'postgres', label, db: kyselyOver(dialect), statements: postgresStatements };
}

/** A list that is empty holds nothing; only SQLite would understand `in ()` by itself. */
function kyselyOver(dialect: Dialect): Kysely<Tables> {
  const emptyLists = new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression });
  return new Kysely<Tables>({ dialect, plugins: [emptyLists] });
}

function sqlitePath(url: string): string {
  if (url.startsWith('sqlite:')) return fileURLToPath(url.replace(/^sqlite:/, 'file:'));
  return url.startsWith('file:') ? fileURLToPath(url) : url;
}

function openSqlite(path: string): LedgerDatabase {
  let connection: Libsql.Database | undefined;
  const connect = async () => {
    connection = openFile(path);
    return connectSqlite(connection);
  };
  return {
    kind: 'sqlite',
    label: path,
    db: kyselyOver(new ImmediateSqliteDialect({ database: connect })),
    statements: sqliteStatements(() => {
      if (!connection) throw new Error('SQLite is asked before a transaction has begun: this is a defect');
      return connection;
    }),
  };
}

function connectSqlite(database: Libsql.Database): SqliteDatabase {
  // A confirmed task must survive a power cut: FULL, where WAL's default would lose the last commits.
  for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON'])
    database.exec(`pragma ${pragma}`);
  return {
    close: () => database.close(),
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
