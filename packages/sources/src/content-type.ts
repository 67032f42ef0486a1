/** `text/html` of `Text/HTML; charset=utf-8`; empty where nothing is said. */
export function mediaTypeIn(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

/** The charset parameter of a Content-Type, wherever that stands. */
export function charsetIn(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*["']?([^\s"';]+)/i.exec(contentType)?.[1];
}
