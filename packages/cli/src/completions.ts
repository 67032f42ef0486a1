import type { Argument, Option } from 'commander';

const known = new WeakMap<Option | Argument, readonly string[]>();

/**
 * Gives an option or an argument the words that a shell offers for it. Unlike choices they are no limit: `--state` takes
 * several of its words, joined by commas.
 */
export function completing<One extends Option | Argument>(one: One, words: readonly string[]): One {
  known.set(one, words);
  return one;
}

/** The words that a shell offers for it: choices, or those it was given. */
export function completionsOf(one: Option | Argument): readonly string[] {
  return one.argChoices ?? known.get(one) ?? [];
}
