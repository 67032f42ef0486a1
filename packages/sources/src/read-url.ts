import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { TaskFailure } from '@warren/tasks';
import type { AllowedHost } from './allowed-hosts.js';
import { charsetIn, mediaTypeIn } from './content-type.js';
import { formatOfMediaType } from './format.js';
import { guardedLookup, type ResolveHost } from './guarded-lookup.js';
import { failureOfStatus } from './http-status.js';
import type { RawPage } from './raw-source.js';
import { acceptedEncodings, readBody } from './response-body.js';
import { shownUrl } from './shown-url.js';
import { errorSaid } from './thrown-error.js';
import { parseUrl, redirectTarget } from './url-policy.js';

export interface UrlLimits {
  readonly allowedHosts: readonly AllowedHost[];
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly maxRedirects: number;
  readonly resolve: ResolveHost;
  /** Epoch milliseconds, for a Retry-After that names a date. */
  readonly now: () => number;
}

/** A page without the name that the task has for it. */
type Page = Pick<RawPage, 'bytes' | 'format' | 'charset'>;

/**
 * Reads a page with one GET, following redirects. Every hop is judged anew: scheme, credentials, and the address
 * that is connected to. A redirect from https to http is refused. Fails with `TaskFailure`; when `signal` fires it
 * throws the signal's reason.
 */
export async function readUrl(address: string, limits: UrlLimits, signal: AbortSignal): Promise<Page> {
  signal.throwIfAborted();
  const start = parseUrl(address);
  const timeout = AbortSignal.timeout(limits.timeoutMs);
  const either = AbortSignal.any([signal, timeout]);
  try {
    return await follow(start, limits, either);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TaskFailure) throw error;
    throw timeout.aborted ? tookTooLong(start, limits.timeoutMs) : transportFailure(start, error);
  }
}

async function follow(start: URL, limits: UrlLimits, signal: AbortSignal): Promise<Page> {
  let url = start;
  for (let redirects = 0; ; redirects += 1) {
    const response = await get(url, limits, signal);
    try {
      const next = redirectTarget(url, response.statusCode ?? 0, response.headers.location);
      if (next === undefined) return await readPage(url, response, limits, signal);
      if (redirects === limits.maxRedirects) throw tooManyRedirects(start, limits.maxRedirects);
      url = next;
    } finally {
      response.destroy();
    }
  }
}

/** An agent per request, so that no connection is reused that was opened under another judgement, nor a proxy used. */
function get(url: URL, limits: UrlLimits, signal: AbortSignal): Promise<IncomingMessage> {
  const lookup = guardedLookup(url, limits.allowedHosts, limits.resolve);
  const client = url.protocol === 'https:' ? https : http;
  const agent = new client.Agent({ keepAlive: false });
  const headers = {
    accept: 'text/html, application/xhtml+xml, text/markdown, text/plain;q=0.9, text/*;q=0.8',
    'accept-encoding': acceptedEncodings,
    'user-agent': 'warren',
  };
  return new Promise((resolve, reject) => {
    client.get(url, { agent, headers, lookup, signal }, resolve).on('error', reject);
  });
}

async function readPage(url: URL, response: IncomingMessage, limits: UrlLimits, signal: AbortSignal): Promise<Page> {
  const failure = failureOfStatus(url, response.statusCode ?? 0, response.headers, limits.now());
  if (failure !== undefined) throw failure;

  const name = shownUrl(url);
  const contentType = response.headers['content-type'] ?? '';
  const mediaType = mediaTypeIn(contentType);
  const format = formatOfMediaType(mediaType, url.pathname);
  if (format === 'unreadable') throw notText(name, mediaType);
  const bytes = await readBody(response, { name, maxBytes: limits.maxBytes, signal });
  return { bytes, format, charset: charsetIn(contentType) };
}

function notText(name: string, mediaType: string): TaskFailure {
  return new TaskFailure(
    'invalid-input',
    `${name} is of type ${mediaType.slice(0, 100)}, which isn't read. Name a page, a Markdown or a plain text source.`,
  );
}

function tooManyRedirects(url: URL, maxRedirects: number): TaskFailure {
  return new TaskFailure(
    'policy-violation',
    `${shownUrl(url)} redirects more than ${maxRedirects} times. Name the page at the end of the chain.`,
  );
}

function tookTooLong(url: URL, timeoutMs: number): TaskFailure {
  return new TaskFailure(
    'timeout',
    `${shownUrl(url)} was not read within ${timeoutMs} ms. Try again later, or raise WARREN_SOURCES_TIMEOUT_MS.`,
  );
}

/** What the socket, TLS, the HTTP parser or the decompressor said: the sender's fault if it came, the way's if it didn't. */
function transportFailure(url: URL, error: unknown): TaskFailure {
  const { code, message } = errorSaid(error);
  const garbled = /^(?:HPE_|Z_|ERR__ERROR_)/.test(code);
  const said = message === '' ? code : `${code}: ${message}`;
  return garbled
    ? new TaskFailure('upstream-error', `${shownUrl(url)} was answered unreadably (${said}). Try again later.`, {
        cause: error,
      })
    : new TaskFailure('network', `${shownUrl(url)} could not be read (${said}). Check the address, then try again.`, {
        cause: error,
      });
}
