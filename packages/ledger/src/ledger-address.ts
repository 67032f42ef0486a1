import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** Bad input: an address that is none of a ledger. The message holds no password. */
export class LedgerUrlError extends Error {
  override readonly name = 'LedgerUrlError';
  readonly code = 'invalid-input';
  readonly next = 'write sqlite:///path/to/ledger.db or postgres://user:password@host/db';
}

/** There is no ledger at a path where one is only looked for. */
export class LedgerMissing extends Error {
  override readonly name = 'LedgerMissing';
  readonly code = 'not-found';
}

export type LedgerAddress =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string };

/** Two letters or more: one alone is a drive. Everybody knows them in either case, but not every reader of the rest. */
const scheme = /^([a-z][a-z0-9+.-]+):/i;

/** `sqlite:///absolute/path`, `file:///absolute/path`, a plain path, or `postgres://…`. Throws a LedgerUrlError. */
export function readLedgerAddress(given: string): LedgerAddress {
  const url = given.replace(scheme, (matched) => matched.toLowerCase());
  if (/^postgres(ql)?:\/\//.test(url)) return { kind: 'postgres', url };
  if (/^(sqlite|file):\/\//.test(url)) return { kind: 'sqlite', path: pathIn(url.replace(/^sqlite:/, 'file:')) };
  const [, unknown] = scheme.exec(given) ?? [];
  if (unknown !== undefined) {
    throw new LedgerUrlError(`the ledger's address begins with ${unknown}: and is not one that can be read`);
  }
  return { kind: 'sqlite', path: namedFile(given) };
}

/** SQLite takes either name for a database of one connection, which is gone with it. */
function namedFile(path: string): string {
  if (path.trim() === '') throw new LedgerUrlError("the ledger's address is empty");
  if (path === ':memory:') throw new LedgerUrlError('a ledger in memory would be gone with its process');
  return path;
}

function pathIn(url: string): string {
  if (/[?#]/.test(url)) {
    throw new LedgerUrlError(
      "the address of a ledger's file takes no query and no fragment: a ? of its name is written as %3F, a # as %23",
    );
  }
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new LedgerUrlError(`the ledger's address ${whyNoPath(cause)}`, { cause });
  }
}

const failure = z.object({ name: z.string(), code: z.string().optional() });

function whyNoPath(cause: unknown): string {
  const { code, name } = failure.parse(cause);
  if (name === 'URIError') return 'has a % in its path that begins no encoded byte: write it as %25';
  if (code === 'ERR_INVALID_FILE_URL_PATH') return 'has a / in its path that is written as %2F: no name holds one';
  // `sqlite://ledger.db` names a host.
  return 'names no absolute path';
}
