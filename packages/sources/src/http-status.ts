import type { IncomingHttpHeaders } from 'node:http';
import { type ReasonCode, TaskFailure } from '@warren/tasks';
import { shownUrl } from './shown-url.js';

/** Longest wait taken over from a Retry-After header; a longer one is cut to it. */
export const maxRetryAfterMs = 24 * 60 * 60_000;

/** The statuses that send a reader elsewhere. 300 and 304 answer questions that were not asked. */
const redirectStatuses = new Set([301, 302, 303, 307, 308]);

export function isRedirect(status: number): boolean {
  return redirectStatuses.has(status);
}

/** What an answer without a usable body means for the task. `undefined` for 2xx. */
export function failureOfStatus(
  url: URL,
  status: number,
  headers: IncomingHttpHeaders,
  now: number,
): TaskFailure | undefined {
  if (status >= 200 && status < 300) return undefined;
  const verdict = verdictOf(status);
  const wait = verdict.mayRetryAfter ? retryAfterMs(headers['retry-after'], now) : undefined;
  return new TaskFailure(
    verdict.code,
    `${shownUrl(url)} was not read: the server answered ${status}. ${verdict.advice}`,
    wait === undefined ? {} : { retryAfterMs: wait },
  );
}

interface Verdict {
  readonly code: ReasonCode;
  readonly advice: string;
  readonly mayRetryAfter: boolean;
}

function verdictOf(status: number): Verdict {
  switch (status) {
    case 404:
    case 410:
      return { code: 'not-found', advice: 'Correct the address.', mayRetryAfter: false };
    case 408:
      return { code: 'timeout', advice: 'Try again later.', mayRetryAfter: true };
    case 429:
      return { code: 'rate-limited', advice: 'Try again when it allows.', mayRetryAfter: true };
    case 503:
      return { code: 'overloaded', advice: 'Try again when it has recovered.', mayRetryAfter: true };
  }
  if (status >= 400 && status < 500) {
    return { code: 'refused', advice: 'Name a page that can be read without signing in.', mayRetryAfter: false };
  }
  return { code: 'upstream-error', advice: 'Try again later.', mayRetryAfter: true };
}

/** Reads a Retry-After header (seconds, or a date) as milliseconds from `now`, 0 to {@link maxRetryAfterMs}. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const wait = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), maxRetryAfterMs);
}
