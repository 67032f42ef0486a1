/** The ledger did not answer. Nothing is known to have been written; the same call may be made again. */
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
const contendedCodes = /^(SQLITE_BUSY|SQLITE_LOCKED|40001$|40P01$|55P03$)/;
/** Of Postgres classes 08 (connection), 53 (no room) and 57P (shutdown), and a statement that took too long. */
const unavailableCodes =
  /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|EPIPE|ETIMEDOUT|SQLITE_(IOERR|FULL|CANTOPEN|READONLY)|08|53|57P|57014$)/;
/** pg's own words for a socket that ended carry no code. */
const unavailableWords =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/;

export function troubleOf(error: unknown): DatabaseTrouble {
  const [first] = severalIn(error);
  if (first !== undefined) return troubleOf(first);
  const code = codeOf(error);
  if (contendedCodes.test(code) || /database is locked/.test(String(error))) return 'contended';
  return unavailableCodes.test(code) || unavailableWords.test(String(error)) ? 'unavailable' : 'other';
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
