/** The first few, and how many more there are. */
export function listed(names: readonly string[], shown = 5): string {
  const more = names.length - shown;
  return `${names.slice(0, shown).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** `queue "a"`, or `queues "a", "b"`. */
export function namedThings(kind: 'queue' | 'channel' | 'connection' | 'node', names: readonly string[]): string {
  return `${kind}${names.length === 1 ? '' : 's'} ${listed(names.map((name) => `"${name}"`))}`;
}
