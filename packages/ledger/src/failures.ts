/** The ledger did not answer. Nothing is known to have been written; the same call may be made again. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable';

  constructor(label: string, cause: unknown) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    super(`the ledger ${label} does not answer: ${detail}`, { cause });
  }
}

/** `contended`: another transaction was in the way; again, soon. `unavailable`: the database is gone or going. */
export type DatabaseTrouble = 'contended' | 'unavailable' | 'other';

const contendedCodes = new Set(['SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_LOCKED', '40001', '40P01', '55P03']);
const unavailableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'SQLITE_IOERR',
  'SQLITE_FULL',
  'SQLITE_CANTOPEN',
  'SQLITE_READONLY',
  '53300',
  '57014',
]);

export function troubleOf(error: unknown): DatabaseTrouble {
  if (error instanceof AggregateError && error.errors.length > 0) return troubleOf(error.errors[0]);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (contendedCodes.has(code) || /database is locked/.test(String(error))) return 'contended';
  // Classes 08 (connection) and 57P (shutdown) of Postgres; pg's own words for a socket that ended carry no code.
  if (unavailableCodes.has(code) || /^(08|57P)/.test(code)) return 'unavailable';
  return /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(
    String(error),
  )
    ? 'unavailable'
    : 'other';
}
