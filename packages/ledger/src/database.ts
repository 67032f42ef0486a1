import { fileURLToPath } from 'node:url';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresDialect,
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

function sqlitePath(url: string): string {
  if (url.startsWith('sqlite:')) return fileURLToPath(url.replace(/^sqlite:/, 'file:'));
  return url.startsWith('file:') ? fileURLToPath(url) : url;
}

function openSqlite(path: string): LedgerDatabase {
  return {
    kind: 'sqlite',
    label: path,
    db: new Kysely<Tables>({ dialect: new ImmediateSqliteDialect({ database: () => connectSqlite(path) }) }),
  };
}

async function connectSqlite(path: string): Promise<SqliteDatabase> {
  const database = new Libsql(path, { timeout: sqliteBusyTimeoutMs });
  // A confirmed task must survive a power cut: FULL, where WAL's default would lose the last commits.
  for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON'])
    database.exec(`pragma ${pragma}`);
  return {
    close: () => database.close(),
    prepare: (statement) => {
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
  // An idle connection that the server closes must not end the process; the next query finds out by itself.
  pool.on('error', () => undefined);
  return {
    kind: 'postgres',
    label: withoutPassword(url),
    db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }),
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
