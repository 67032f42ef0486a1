/** The ledger did not answer. What was asked may have been written or not; the same call may be made again. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable';

  constructor(label: string, cause: unknown) {
    const [first = cause] = severalIn(cause);
    const detail = first instanceof Error ? first.message : String(first);
    super(`the ledger ${label} does not answer: ${detail}`, { cause });
  }
}

/** `contended`: another transaction was in the way; again, soon. `unavailable`: the database is gone or going. */
export type DatabaseTrouble = 'contended' | 'unavailable' | 'other';

/** Whole codes of Postgres and Node; of SQLite the beginnings, because its codes come with details behind them. */
const contendedCodes = /^(SQLITE_BUSY|SQLITE_LOCKED|SQLITE_PROTOCOL|40001$|40P01$|55P03$)/;
/**
 * Errnos of Node (`ENOENT` is a socket that is not there), its words for what is wrong with TLS, and of Postgres whatever a
 * server says that can't be used for now: 08 (connection), 25006 (may only be read), 25P03 and 25P04 (a transaction that
 * took too long), 28 (may not come in), 3D (no such database), 53 (no room), 57 (shutdown, cancelled), 58 (its files).
 */
const unavailableCodes = [
  /^E(?!RR_)[A-Z0-9_]+$/,
  /^(ERR_(TLS|SSL|OSSL|SOCKET|STREAM)_|CERT_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT$|HOSTNAME_MISMATCH$)/,
  /^(08|28|3D|53|57|58)[0-9A-Z]{3}$/,
  /^(25006|25P03|25P04)$/,
  /^SQLITE_(IOERR|FULL|CANTOPEN|READONLY)/,
];
/** What pg says without a code. */
const unavailableWords =
  /Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|is not queryable|server does not support SSL|establishing an SSL connection/;

export function troubleOf(error: unknown): DatabaseTrouble {
  const [first] = severalIn(error);
  if (first !== undefined) return troubleOf(first);
  const code = codeOf(error);
  if (contendedCodes.test(code) || /database is locked/.test(String(error))) return 'contended';
  const unavailable = unavailableCodes.some((codes) => codes.test(code)) || unavailableWords.test(String(error));
  return unavailable ? 'unavailable' : 'other';
}

/** Node reports one error an address where a name has several. */
function severalIn(error: unknown): readonly unknown[] {
  return typeof error === 'object' && error !== null && 'errors' in error && Array.isArray(error.errors)
    ? error.errors
    : [];
}

/** Asked of the value and not of its class: an error from another realm is an error too. */
function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
