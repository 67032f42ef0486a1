import { UsageError } from './errors.js';

/** Largest first: a duration names its units in this order, each once. */
const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

const pattern = new RegExp(`^${units.map(([unit]) => `(?:(\\d+(?:\\.\\d+)?)${unit})?`).join('')}$`);

/**
 * Reads `90s`, `2h`, `1h30m`, `250ms`, `2d`, `1.5h`, or a plain `0`, as whole milliseconds.
 * @param flag what the error names: `--delay`.
 */
export function parseDuration(text: string, flag: string): number {
  const ms = readDuration(text);
  if (ms === undefined) throw notADuration(text, flag);
  return ms;
}

/**
 * An instant, as ISO 8601 or by a duration from the present, in epoch milliseconds; undefined where the text is neither.
 * @param from what lies so many milliseconds away, before the present or behind it.
 */
export function readMoment(text: string, from: (durationMs: number) => number): number | undefined {
  if (!/^\d{4}-/.test(text)) {
    const durationMs = readDuration(text);
    return durationMs === undefined ? undefined : from(durationMs);
  }
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

function readDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const amounts = text === '' ? null : pattern.exec(text);
  if (amounts === null) return undefined;
  const ms = units.reduce((sum, [, unitMs], index) => sum + Number(amounts[index + 1] ?? 0) * unitMs, 0);
  const whole = Math.round(ms);
  // Binary fractions make 1.1s slightly more than 1,100: a real fraction of a millisecond is off by far more.
  if (Math.abs(whole - ms) > 1e-3 || !Number.isSafeInteger(whole)) return undefined;
  return whole;
}

/** The exact duration, as `parseDuration` reads it: `1h30m`, `250ms`, `0s`. Takes whole milliseconds from 0. */
export function formatDuration(ms: number): string {
  return partsOf(ms).join('') || '0s';
}

/** The two leading units, for people: `2h3m`, `4d`, `12s`; below a second, milliseconds. */
export function formatRoughly(ms: number): string {
  const rest = Math.max(0, Math.round(ms));
  if (rest < 1_000) return `${rest}ms`;
  const lead = units.findIndex(([, unitMs]) => rest >= unitMs);
  const smallest = units[Math.min(lead + 1, units.length - 2)]?.[1] ?? 1;
  return partsOf(Math.floor(rest / smallest) * smallest).join('');
}

function partsOf(ms: number): string[] {
  let rest = ms;
  return units.flatMap(([unit, unitMs]) => {
    const amount = Math.floor(rest / unitMs);
    rest -= amount * unitMs;
    return amount === 0 ? [] : [`${amount}${unit}`];
  });
}

function notADuration(text: string, flag: string): UsageError {
  return new UsageError(`${flag}: "${text}" is not a duration`, {
    field: flag,
    next: 'write numbers with units, largest first: 90s, 2h, 1h30m, 250ms, 2d',
  });
}
