import type { ArgumentDifference } from './differences.js';

export function differencesText(found: readonly ArgumentDifference[]): string {
  return found
    .map(({ argument, wanted, current }) => `${argument} is ${valueText(current)}, should be ${valueText(wanted)}`)
    .join('; ');
}

function valueText(value: unknown): string {
  if (value === null) return 'not set';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function messagesText(count: number): string {
  return `${count} ${count === 1 ? 'message' : 'messages'}`;
}

export function listText(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}
