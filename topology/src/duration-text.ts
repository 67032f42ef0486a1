const units = [
  { name: 'days', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1_000 },
] as const;

/** Milliseconds for people, in the largest unit that they fill, to one decimal: `100 ms`, `1.6 s`, `24 h`, `2.4 days`. */
export function durationText(ms: number): string {
  const unit = units.find((one) => ms >= (one.name === 'days' ? 2 * one.ms : one.ms));
  return unit === undefined ? `${ms} ms` : `${Number((ms / unit.ms).toFixed(1))} ${unit.name}`;
}
