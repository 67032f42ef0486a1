import {
  type Dialect,
  type PostgresCursor,
  PostgresDialect,
  type PostgresPoolClient,
  type PostgresQueryResult,
} from 'kysely';
import pg from 'pg';
import { LedgerUrlError } from './ledger-address.js';

/** In milliseconds: for a connection; for one statement, by the server's own clock. */
const connectTimeoutMs = 5_000;
const statementTimeoutMs = 30_000;
/** For the answer to a statement: a server that lives has answered or broken off by then. */
const answerTimeoutMs = statementTimeoutMs + 5_000;
/** How long a process that falls silent in the middle of a transaction may keep others from its rows. */
const idleInTransactionMs = 10_000;
const keepAliveAfterMs = 10_000;

/**
 * Connects when it is first asked. What the URL's query says (`?query_timeout=5000`) goes before the settings here.
 * Throws when the URL can't be read; neither the error nor `label` holds the password.
 */
export function openPostgres(url: string): { readonly label: string; readonly dialect: Dialect } {
  const label = withoutPassword(url);
  if (!isAddress(url)) {
    throw new LedgerUrlError(
      `the ledger's address ${label} can't be read: name one host, as in postgres://user:password@host:5432/database, with special characters in the password percent-encoded`,
    );
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: answerTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    application_name: 'warren',
    types: { getTypeParser: parserOf },
  });
  // A connection that the server closes must not end the process, idle (the pool's event) or in use between two
  // statements (the client's own): the next query finds out by itself.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const connect = async () => new Checkout(await pool.connect());
  return { label, dialect: new PostgresDialect({ pool: { connect, end: () => pool.end() } }) };
}

const int8 = 20;

/** Epoch milliseconds and counters stay far below 2^53, so 64-bit integers are read as numbers. */
function parserOf(oid: number, format?: 'text' | 'binary') {
  return oid === int8 ? Number : pg.types.getTypeParser(oid, format);
}

const writing = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'] as const;

/**
 * One use of a connection. After a statement that was not answered in time, pg would go on with the connection: whatever
 * is asked next waits behind that statement, for the pool and for every later use of it. So the connection is given up.
 */
class Checkout implements PostgresPoolClient {
  readonly #client: pg.PoolClient;
  #unanswered: Error | undefined;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  query<Row>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>;
  query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>;
  query<Row>(
    statement: string | PostgresCursor<Row>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<Row>> | PostgresCursor<Row> {
    if (typeof statement !== 'string') throw new Error('the ledger reads no cursors');
    return this.#ask(statement, parameters);
  }

  release(): void {
    this.#client.release(this.#unanswered);
  }

  async #ask<Row>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>> {
    if (this.#unanswered) throw this.#unanswered;
    try {
      const { command, rowCount, rows } = await this.#client.query<Row & pg.QueryResultRow>(statement, [...parameters]);
      return { command: writing.find((word) => word === command) ?? 'SELECT', rowCount: rowCount ?? 0, rows };
    } catch (error) {
      if (error instanceof Error && error.message === 'Query read timeout') this.#unanswered = error;
      throw error;
    }
  }
}

/** Several hosts are libpq's alone; pg itself takes `user@/database?host=…`, which is no URL to others. */
function isAddress(url: string): boolean {
  if (!/^postgres(ql)?:\/\//.test(url)) return false;
  const withHost = url.replace('@/', '@localhost/');
  return URL.canParse(withHost) && !new URL(withHost).hostname.includes(',');
}

/** User, host and database: a query may hold another password. */
function withoutPassword(url: string): string {
  const shown = URL.canParse(url) ? new URL(url) : undefined;
  if (!shown?.href.startsWith(`${shown.protocol}//`) || shown.pathname.includes('@')) {
    // Whatever it is, a password in it ends before the last `@`.
    return url.replace(/^(postgres(?:ql)?:(?:\/\/)?).*@/s, '$1***@').replace(/[?#].*$/s, '');
  }
  return Object.assign(shown, { password: '', search: '', hash: '' }).href;
}
