import { formatRoughly } from './duration.js';

/** How long ago `from` was, or how far ahead it is: `2h3m`, `0s`, `in 5m`. Both in epoch milliseconds. */
export function formatAge(from: number, now: number): string {
  const ms = now - from;
  if (Math.abs(ms) < 1_000) return '0s';
  return ms > 0 ? formatRoughly(ms) : `in ${formatRoughly(-ms)}`;
}

/** An instant in UTC to the second: `2026-03-01T09:30:00Z`. Epoch milliseconds. */
export function formatTime(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
