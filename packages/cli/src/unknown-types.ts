/**
 * What to note where a filter names types that nobody knows here and finds nothing of them: a slip of the pen looks like an
 * empty list. Not an error, because what a type left behind outlives it. Undefined where there is nothing to say. Pure.
 */
export function unknownTypesNote(
  asked: readonly string[],
  found: readonly { readonly type: string | null }[],
  known: readonly string[],
): string | undefined {
  const unknown = [...new Set(asked)].filter(
    (name) => !known.includes(name) && !found.some(({ type }) => type === name),
  );
  if (unknown.length === 0) return undefined;
  return `no task type ${unknown.join(', ')} here; there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`;
}
