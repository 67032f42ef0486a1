/** Every header that Warren reads or writes, spelled once. */
export const headers = {
  /** From submitters, all optional. */
  idempotencyKey: 'x-idempotency-key',
  tenant: 'x-tenant',
  group: 'x-group',
  /** ISO 8601, or epoch milliseconds. */
  deadline: 'x-deadline',
  /** What the task is about: an array of names, or one string with commas. */
  entities: 'x-entities',
  traceparent: 'traceparent',
  /** Inside Warren only: a submitter can't set these. */
  dispatch: 'x-dispatch',
  attempt: 'x-attempt',
  /** Names one published copy of a message: two copies of the same dispatch differ in it. */
  copy: 'x-copy',
  /** On a dead letter: why, in words, by whom. */
  reasonCode: 'x-reason-code',
  error: 'x-error',
  worker: 'x-worker',
  retryAfterMs: 'x-retry-after-ms',
  history: 'x-history',
  sourceQueue: 'x-source-queue',
} as const;

/** All headers of a message together, by {@link headerBytes}: far below one AMQP frame (131,072). */
export const maxHeaderBytes = 32 * 1024;

/**
 * Bytes that headers take on the wire, at most: a number counts as the widest one. Stops counting soon after `limit`,
 * so that headers without end (nested, or in a circle) are too large as well. Whoever publishes and whoever reads asks
 * this one function: what the one lets pass, the other takes.
 */
export function headerBytes(values: Readonly<Record<string, unknown>>, limit: number): number {
  const pending: unknown[] = [values];
  let bytes = 0;
  while (pending.length > 0 && bytes <= limit) {
    const value = pending.pop();
    bytes += ownBytes(value);
    for (const part of partsOf(value)) pending.push(part);
  }
  return bytes;
}

/** A type's tag, a length, the keys, and the value itself where it has no parts. */
function ownBytes(value: unknown): number {
  if (typeof value === 'string') return 5 + Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return 9;
  if (Buffer.isBuffer(value)) return 5 + value.byteLength;
  const keys = Array.isArray(value) ? [] : Object.keys(value);
  return keys.reduce((bytes, key) => bytes + 1 + Buffer.byteLength(key), 5);
}

function partsOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return [];
  return Array.isArray(value) ? value : Object.values(value);
}
