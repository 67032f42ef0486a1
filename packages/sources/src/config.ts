import { delimiter } from 'node:path';
import { z } from 'zod';
import { parseAllowedHost } from './allowed-hosts.js';

/** What may be read, and how much of it. Plain data; every default is in {@link defaultSourcesConfig}. */
export interface SourcesConfig {
  /**
   * Folders below which files may be read; a relative one is taken below the process's working directory, and a
   * source's relative path below the first of them. Default: none, so that no file can be read.
   */
  readonly directories: readonly string[];
  /**
   * Hosts that URLs may name although their addresses are private or loopback: a name or an address, with a port
   * (`wiki.internal:8080`, `[::1]:3000`) or without one (any port). Compared with the host as the URL spells it,
   * not with what it resolves to. Default: none.
   */
  readonly allowedHosts: readonly string[];
  /** Largest file or response body, in bytes, before and after decompression. Default 10 MiB; must be above 0. */
  readonly maxBytes: number;
  /** For one URL, from the first look-up to the last byte, redirects included, in milliseconds. Default 30 s; must be above 0. */
  readonly timeoutMs: number;
  /** Redirects followed for one URL. Default 5; 0: none is followed. */
  readonly maxRedirects: number;
  /** Text files that one folder may hold, below all its levels. Default 1,000; must be above 0. */
  readonly maxFiles: number;
  /** Levels of folders below a listed one. Default 12; 0: only the folder itself. */
  readonly maxDepth: number;
  /** Entries of any sort looked at while one folder is listed. Default 50,000; must be above 0. */
  readonly maxEntries: number;
}

export const defaultSourcesConfig: SourcesConfig = {
  directories: [],
  allowedHosts: [],
  maxBytes: 10 * 1024 * 1024,
  timeoutMs: 30_000,
  maxRedirects: 5,
  maxFiles: 1_000,
  maxDepth: 12,
  maxEntries: 50_000,
};

/**
 * Reads the configuration out of environment variables; one that is missing or empty leaves the default.
 * Throws an `Error` that names every variable that can't be read.
 *
 * - `WARREN_SOURCES_DIRS`: `directories`, colon-separated (semicolons on Windows)
 * - `WARREN_SOURCES_ALLOW_HOSTS`: `allowedHosts`, comma-separated
 * - `WARREN_SOURCES_MAX_BYTES`, `_TIMEOUT_MS`, `_MAX_REDIRECTS`, `_MAX_FILES`, `_MAX_DEPTH`, `_MAX_ENTRIES`: numbers
 */
export function sourcesConfigFrom(environment: Readonly<Record<string, string | undefined>>): SourcesConfig {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = variables.safeParse(set);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`The sources can't be configured: ${problems.join('; ')}. Correct or unset what is named.`);
  }
  return {
    directories: parsed.data.WARREN_SOURCES_DIRS,
    allowedHosts: parsed.data.WARREN_SOURCES_ALLOW_HOSTS,
    maxBytes: parsed.data.WARREN_SOURCES_MAX_BYTES,
    timeoutMs: parsed.data.WARREN_SOURCES_TIMEOUT_MS,
    maxRedirects: parsed.data.WARREN_SOURCES_MAX_REDIRECTS,
    maxFiles: parsed.data.WARREN_SOURCES_MAX_FILES,
    maxDepth: parsed.data.WARREN_SOURCES_MAX_DEPTH,
    maxEntries: parsed.data.WARREN_SOURCES_MAX_ENTRIES,
  };
}

const allowedHost = z.string().refine((entry) => parseAllowedHost(entry) !== undefined, {
  error: (issue) => `"${String(issue.input)}" is no host, address, host:port or [address]:port`,
});

const defaults = defaultSourcesConfig;

/** Node's timers turn a longer wait into none at all. */
const longestTimerMs = 2 ** 31 - 1;

const variables = z.object({
  WARREN_SOURCES_DIRS: separated(delimiter).default([...defaults.directories]),
  WARREN_SOURCES_ALLOW_HOSTS: separated(',')
    .pipe(z.array(allowedHost))
    .default([...defaults.allowedHosts]),
  WARREN_SOURCES_MAX_BYTES: wholeNumber(1).default(defaults.maxBytes),
  WARREN_SOURCES_TIMEOUT_MS: wholeNumber(1, longestTimerMs).default(defaults.timeoutMs),
  WARREN_SOURCES_MAX_REDIRECTS: wholeNumber(0).default(defaults.maxRedirects),
  WARREN_SOURCES_MAX_FILES: wholeNumber(1).default(defaults.maxFiles),
  WARREN_SOURCES_MAX_DEPTH: wholeNumber(0).default(defaults.maxDepth),
  WARREN_SOURCES_MAX_ENTRIES: wholeNumber(1).default(defaults.maxEntries),
});

function separated(separator: string) {
  return z.string().transform((list) =>
    list
      .split(separator)
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
}

function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return z
    .string()
    .trim()
    .regex(/^\d+$/, 'expected a whole number, written in digits alone')
    .transform(Number)
    .pipe(z.number().int().min(min).max(max));
}
