/** A URL as messages may show it: without credentials, and cut where it is very long. */
export function shownUrl(url: URL): string {
  const shown = `${url.protocol}//${url.host}${url.pathname}${url.search}`;
  return shown.length <= 300 ? shown : `${shown.slice(0, 299)}…`;
}
