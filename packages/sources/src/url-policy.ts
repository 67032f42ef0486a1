import { TaskFailure } from '@warren/tasks';
import { isRedirect } from './http-status.js';
import { shownUrl } from './shown-url.js';

/** Reads a URL and holds it against the rules that need no look-up. Fails with `invalid-input` or `policy-violation`. */
export function parseUrl(address: string): URL {
  if (URL.canParse(address)) return checkedUrl(new URL(address));
  throw new TaskFailure(
    'invalid-input',
    `"${address.slice(0, 300)}" is no URL. Give a whole one, with http:// or https://.`,
  );
}

/**
 * Where an answer sends the reader, `undefined` where it is no redirect. Held against the same rules, and refused
 * (`policy-violation`) where it leaves https for http.
 */
export function redirectTarget(url: URL, status: number, location: string | undefined): URL | undefined {
  if (!isRedirect(status)) return undefined;
  if (location === undefined || !URL.canParse(location, url.href)) {
    throw new TaskFailure('upstream-error', `${shownUrl(url)} redirects to no readable address. Name the page itself.`);
  }
  const next = checkedUrl(new URL(location, url));
  if (url.protocol === 'https:' && next.protocol === 'http:') {
    throw new TaskFailure(
      'policy-violation',
      `${shownUrl(url)} redirects from https to ${shownUrl(next)}, which anyone on the way could change. Name that address itself if you trust it.`,
    );
  }
  return next;
}

function checkedUrl(url: URL): URL {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TaskFailure(
      'policy-violation',
      `A URL that begins with "${url.protocol}" is not read: only http and https are. Give the source's web address.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new TaskFailure(
      'policy-violation',
      `${shownUrl(url)} carries a user name or password, which would end in logs. Give the URL without it.`,
    );
  }
  return url;
}
