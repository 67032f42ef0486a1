import { resolve } from 'node:path';
import type { SourceReference } from '@warren/tasks';
import { type AllowedHost, parseAllowedHost } from './allowed-hosts.js';
import type { SourcesConfig } from './config.js';
import { decodeFile } from './decode-text.js';
import type { Document } from './document.js';
import { extractDocument } from './document-from-text.js';
import { type FormatChoice, formatOfName } from './format.js';
import { type ResolveHost, resolveBySystem } from './guarded-lookup.js';
import { listTextFiles } from './list-folder.js';
import { readAllowedFile } from './read-file.js';
import { readUrl } from './read-url.js';

/** Both fail with `TaskFailure`; when `signal` fires they throw the signal's reason. */
export interface SourceReader {
  /**
   * Reads a file or a page. `format` overrides what its name, its Content-Type or its text says.
   * Codes: `not-found`, `policy-violation`, `invalid-input`, `refused`; and, of a URL, `network`, `timeout`,
   * `rate-limited`, `overloaded`, `upstream-error`, with `retryAfterMs` where the server gave one.
   */
  read(reference: SourceReference, options: { signal: AbortSignal; format?: FormatChoice }): Promise<Document>;
  /** A folder's text files, recursively, sorted. A file gives itself once it is found, a URL without being read. */
  list(reference: SourceReference, options: { signal: AbortSignal }): Promise<readonly SourceReference[]>;
}

/** What a test replaces. */
export interface SourceReaderWorld {
  readonly resolve?: ResolveHost;
  readonly now?: () => number;
}

/** Throws an `Error` when `config.allowedHosts` holds what is no host. Touches nothing before the first read. */
export function createSourceReader(config: SourcesConfig, world: SourceReaderWorld = {}): SourceReader {
  const directories = config.directories.map((directory) => resolve(directory));
  const urlLimits = {
    ...config,
    allowedHosts: config.allowedHosts.map(knownHost),
    resolve: world.resolve ?? resolveBySystem,
    now: world.now ?? Date.now,
  };

  return {
    async read(reference, { signal, format = 'auto' }) {
      switch (reference.kind) {
        case 'file': {
          const bytes = await readAllowedFile(reference.path, { ...config, directories }, signal);
          const origin = { name: reference.path, kind: 'file' as const, bytes: bytes.length };
          const choice = format === 'auto' ? (formatOfName(reference.path) ?? 'auto') : format;
          return extractDocument(decodeFile(bytes, reference.path), choice, origin);
        }
        case 'url': {
          const page = await readUrl(reference.url, urlLimits, signal);
          const origin = { name: reference.url, kind: 'url' as const, bytes: page.bytes };
          return extractDocument(page.text, format === 'auto' ? page.format : format, origin);
        }
      }
    },

    async list(reference, { signal }) {
      if (reference.kind === 'url') return [reference];
      const files = await listTextFiles(reference.path, { ...config, directories }, signal);
      return files.map((path) => ({ kind: 'file', path }));
    },
  };
}

function knownHost(entry: string): AllowedHost {
  const host = parseAllowedHost(entry);
  if (host === undefined) throw new Error(`allowedHosts holds "${entry}". Give a host, host:port or [address]:port.`);
  return host;
}
