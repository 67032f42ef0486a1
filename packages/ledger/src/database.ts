import { fileURLToPath } from 'node:url';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  HandleEmptyInListsPlugin,
  Kysely,
  PostgresDialect,
  replaceWithNoncontingentExpression,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
} from 'kysely';
import Libsql from 'libsql';
import pg from 'pg';
import type { Tables } from './schema.js';

export interface LedgerDatabase {
  readonly kind: 'sqlite' | 'postgres';
  /** The URL without its password, for messages to people. */
  readonly label: string;
  readonly db: Kysely<Tables>;
}

/**
 * How long SQLite's driver may wait for another process's write, in milliseconds. It blocks the event loop while it
 * waits, so it is short; the retry around it is asynchronous.
 */
const sqliteBusyTimeoutMs = 20;

/** How long to wait for a connection to Postgres, and for one statement, in milliseconds. */
const postgresConnectTimeoutMs = 5_000;
const postgresStatementTimeoutMs = 30_000;

/** `sqlite:///absolute/path`, `file:///absolute/path`, a plain path, or `postgres://…`. */
export function openDatabase(url: string): LedgerDatabase {
  return /^postgres(ql)?:/.test(url) ? openPostgres(url) : openSqlite(sqlitePath(url));
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
  return {
    kind: 'sqlite',
    label: path,
    db: kyselyOver(new ImmediateSqliteDialect({ database: () => connectSqlite(path) })),
  };
}

async function connectSqlite(path: string): Promise<SqliteDatabase> {
  const database = openFile(path);
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
      database.exec(statement);
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

function openPostgres(url: string): LedgerDatabase {
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: postgresConnectTimeoutMs,
    statement_timeout: postgresStatementTimeoutMs,
    application_name: 'warren',
    types: { getTypeParser: postgresParser },
  });
  // A connection that the server closes must not end the process, idle (the pool's event) or in use between two
  // statements (the client's own): the next query finds out by itself.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return {
    kind: 'postgres',
    label: withoutPassword(url),
    db: kyselyOver(new PostgresDialect({ pool })),
  };
}

const int8 = 20;

/** Epoch milliseconds and counters stay far below 2^53, so 64-bit integers are read as numbers. */
function postgresParser(oid: number, format?: 'text' | 'binary') {
  return oid === int8 ? Number : pg.types.getTypeParser(oid, format);
}

function withoutPassword(url: string): string {
  const parsed = new URL(url);
  parsed.password = '';
  return parsed.toString();
}
