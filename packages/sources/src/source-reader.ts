import { resolve } from 'node:path';
import type { SourceReference } from '@warren/tasks';
import { type AllowedHost, parseAllowedHost } from './allowed-hosts.js';
import type { SourcesConfig } from './config.js';
import { formatOfName } from './format.js';
import { type ResolveHost, resolveBySystem } from './guarded-lookup.js';
import { listTextFiles } from './list-folder.js';
import type { RawFile, RawPage } from './raw-source.js';
import { readAllowedFile } from './read-file.js';
import { readUrl } from './read-url.js';

/** Both fail with `TaskFailure`; when `signal` fires they throw the signal's reason. */
export interface SourceReader {
  /**
   * Fetches a file or a page, and looks no further into it than its name and its headers: `documentFrom` does that.
   * Codes: `not-found`, `policy-violation`, `invalid-input`, `refused`; and, of a URL, `network`, `timeout`,
   * `rate-limited`, `overloaded`, `upstream-error`, with `retryAfterMs` where the server gave one.
   */
  fetch(reference: SourceReference, options: { signal: AbortSignal }): Promise<RawFile | RawPage>;
  /** A folder's text files, recursively, sorted. A file gives itself once it is found, a URL without being read. */
  list(reference: SourceReference, options: { signal: AbortSignal }): Promise<readonly SourceReference[]>;
}

/** What a test replaces. */
export interface SourceReaderWorld {
  readonly resolve?: ResolveHost;
  readonly now?: () => number;
}

/** Throws an `Error` when `config.allowedHosts` holds what is no host. Touches nothing before it is asked to. */
export function createSourceReader(config: SourcesConfig, world: SourceReaderWorld = {}): SourceReader {
  const directories = config.directories.map((directory) => resolve(directory));
  const urlLimits = {
    ...config,
    allowedHosts: config.allowedHosts.map(knownHost),
    resolve: world.resolve ?? resolveBySystem,
    now: world.now ?? Date.now,
  };

  return {
    async fetch(reference, { signal }) {
      switch (reference.kind) {
        case 'file': {
          const bytes = await readAllowedFile(reference.path, { ...config, directories }, signal);
          return { kind: 'file', name: reference.path, bytes, format: formatOfName(reference.path) ?? 'auto' };
        }
        case 'url':
          return { kind: 'url', name: reference.url, ...(await readUrl(reference.url, urlLimits, signal)) };
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
