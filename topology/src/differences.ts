/** One argument, as the topology wants it and as the broker has it. Absent: `null`. */
export interface ArgumentDifference {
  readonly argument: string;
  readonly wanted: unknown;
  readonly current: unknown;
}

/** Compares everything that a declaration fixes. A number and its text are different: so they are to the broker. */
export function differences(
  wanted: Readonly<Record<string, unknown>>,
  current: Readonly<Record<string, unknown>>,
): ArgumentDifference[] {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(current)])].sort();
  return names
    .map((argument) => ({ argument, wanted: wanted[argument] ?? null, current: current[argument] ?? null }))
    .filter((difference) => difference.wanted !== difference.current);
}
