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

/** All headers of a message together, in bytes of their JSON: far below one AMQP frame (131,072). */
export const maxHeaderBytes = 32 * 1024;
