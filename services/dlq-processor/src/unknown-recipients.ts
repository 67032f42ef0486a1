import type { Operations } from '@warren/dead-letters';
import type { LetterFilter, LetterOutline } from '@warren/ledger';

/** Escalated letters among which a name is looked for. */
const lookedAt = 1_000;
/** Names that a note lists. */
const shownNames = 20;

/**
 * What to note where a filter names somebody to whom nothing is escalated: a slip of the pen looks like an empty list.
 * Undefined where there is nothing to say.
 */
export async function unknownRecipientsNote(
  { escalated }: Pick<LetterFilter, 'escalated'>,
  found: readonly Pick<LetterOutline, 'escalatedTo'>[],
  { outlines }: Pick<Operations, 'outlines'>,
): Promise<string | undefined> {
  if (escalated === undefined || typeof escalated === 'boolean') return undefined;
  const missed = escalated.filter((name) => !found.some(({ escalatedTo }) => escalatedTo === name));
  if (missed.length === 0) return undefined;
  const waiting = await outlines({ states: ['parked'], escalated: true, limit: lookedAt });
  const names = [...new Set(waiting.flatMap(({ escalatedTo }) => escalatedTo ?? []))];
  const unknown = missed.filter((name) => !names.includes(name));
  if (unknown.length === 0) return undefined;
  const others = names.length === 0 ? 'nor to anybody else' : `but to ${names.slice(0, shownNames).join(', ')}`;
  return `nothing is escalated to ${unknown.join(', ')}, ${others}`;
}
