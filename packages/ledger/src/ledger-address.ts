import { fileURLToPath } from 'node:url';

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

/** Two letters or more: one alone is a drive. */
const scheme = /^([a-z][a-z0-9+.-]+):/i;

/** `sqlite:///absolute/path`, `file:///absolute/path`, a plain path, or `postgres://…`. Throws a LedgerUrlError. */
export function readLedgerAddress(url: string): LedgerAddress {
  if (/^postgres(ql)?:\/\//.test(url)) return { kind: 'postgres', url };
  if (/^(sqlite|file):\/\//.test(url)) return { kind: 'sqlite', path: pathIn(url.replace(/^sqlite:/, 'file:')) };
  const [, unknown] = scheme.exec(url) ?? [];
  if (unknown === undefined) return { kind: 'sqlite', path: url };
  throw new LedgerUrlError(`the ledger's address begins with ${unknown}: and is not one that can be read`);
}

function pathIn(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    // `sqlite://ledger.db` names a host.
    throw new LedgerUrlError("the ledger's address names no absolute path", { cause });
  }
}
