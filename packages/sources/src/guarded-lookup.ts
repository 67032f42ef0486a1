import type { LookupAddress } from 'node:dns';
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { TaskFailure } from '@warren/tasks';
import { type AllowedHost, isAllowedHost } from './allowed-hosts.js';
import { isPublicAddress } from './public-address.js';
import { shownUrl } from './shown-url.js';

/** All addresses of a name, in the order in which they should be tried. */
export type ResolveHost = (hostname: string) => Promise<readonly LookupAddress[]>;

export const resolveBySystem: ResolveHost = (hostname) => systemLookup(hostname, { all: true, verbatim: true });

/**
 * The look-up that a connection to `url` has to use. The socket calls it and connects to its answer, so there is no
 * second look-up that could answer otherwise than the one that was judged. Addresses that aren't public are left
 * out, unless the URL's host is an allowed one; if none is left the connection fails with `policy-violation`.
 *
 * A socket looks up names only, so a host that is an address is judged here and now (throws `policy-violation`).
 */
export function guardedLookup(url: URL, allowed: readonly AllowedHost[], resolve: ResolveHost): LookupFunction {
  const anyAddress = isAllowedHost(url, allowed);
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (!anyAddress && isIP(literal) !== 0 && !isPublicAddress(literal)) throw notPublic(url);

  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const usable = anyAddress ? addresses : addresses.filter(({ address }) => isPublicAddress(address));
        const [first] = usable;
        if (first === undefined) callback(notPublic(url), []);
        else if (options.all) callback(null, [...usable]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
}

function notPublic(url: URL): TaskFailure {
  return new TaskFailure(
    'policy-violation',
    `${shownUrl(url)} was not read: ${url.hostname} has no address on the public internet. If this host is meant to be read, add "${url.host}" to WARREN_SOURCES_ALLOW_HOSTS.`,
  );
}
