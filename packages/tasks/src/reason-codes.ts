/**
 * Why a task or a message did not go on: a closed list. A rule, a filter or a person names these and nothing else.
 * What becomes of each (retried, parked, with which advice) is decided by the rules in `packages/dead-letters`.
 */
export const transientCodes = ['timeout', 'rate-limited', 'overloaded', 'network', 'upstream-error'] as const;

export const permanentCodes = [
  'malformed',
  'invalid-input',
  'not-found',
  'invalid-state',
  'unsupported-action',
  'policy-violation',
  'refused',
  'conflict',
] as const;

const specialCodes = ['expired', 'poison', 'over-budget', 'unroutable', 'exhausted', 'unknown'] as const;

export const reasonCodes = [...transientCodes, ...permanentCodes, ...specialCodes] as const;

export type ReasonCode = (typeof reasonCodes)[number];

export function isReasonCode(value: unknown): value is ReasonCode {
  return reasonCodes.some((code) => code === value);
}
