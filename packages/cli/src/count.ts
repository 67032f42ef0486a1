import { UsageError } from './errors.js';

/** Reads a whole number, such as the value of `--limit`. The error names the flag and the range. */
export function parseCount(text: string, flag: string, { min = 0, max = 1_000_000 } = {}): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${flag}: "${text}" is not a whole number from ${min} to ${max}`, { field: flag });
}
