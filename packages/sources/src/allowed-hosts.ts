/** A host that may be private or loopback, spelled as a URL spells it once parsed. */
export interface AllowedHost {
  readonly hostname: string;
  /** `null`: any port. */
  readonly port: number | null;
}

/** Reads `name`, `name:port`, `address`, `address:port`, `::1`, `[::1]` or `[::1]:port`; `undefined` for anything else. */
export function parseAllowedHost(entry: string): AllowedHost | undefined {
  const bareIpv6 = /^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(entry);
  const match = /^(\[[^\]]+\]|[^\s:/?#@[\]\\]+)(?::(\d{1,5}))?$/.exec(bareIpv6 ? `[${entry}]` : entry);
  const host = match?.[1];
  if (host === undefined || !URL.canParse(`http://${host}/`)) return undefined;
  const port = match?.[2] === undefined ? null : Number(match[2]);
  if (port !== null && (port < 1 || port > 65_535)) return undefined;
  return { hostname: new URL(`http://${host}/`).hostname, port };
}

/** Whether a URL's host is named in the list. What the name resolves to plays no part. */
export function isAllowedHost(url: URL, allowed: readonly AllowedHost[]): boolean {
  return allowed.some((host) => host.hostname === url.hostname && (host.port === null || host.port === portOf(url)));
}

/** A parsed URL leaves its scheme's own port out. */
function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}
