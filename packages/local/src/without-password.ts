/** An address as it may be shown: without user and password, also where they stand in its query. */
export function withoutPassword(url: string): string {
  return url.replace(/(:\/\/).*@/, '$1***@').replace(/([?&]password=)[^&]+/gi, '$1***');
}
