import { describe, expect, it } from '@jest/globals';
import type { AttemptRun } from '@warren/ledger';
import { headerBytes, maxErrorMessageChars, maxHeaderBytes, submissionOptions } from '@warren/tasks';
import { newTask } from '../../../tests/fixtures/task.js';
import { delayBy } from './delay.js';
import { owedPublication } from './dispatch.js';
import { checkPublication } from './publisher-check.js';

/** Three bytes on the wire for one character. */
const wide = (chars: number) => '研'.repeat(chars);
/** Six bytes in JSON for one character. */
const escaped = (chars: number) => '\u0001'.repeat(chars);

/** The largest that a submitter may ask for. */
const options = submissionOptions.parse({
  tenant: wide(128),
  group: wide(128),
  idempotencyKey: wide(255),
  entities: Array.from({ length: 16 }, () => wide(128)),
  correlationId: 'x'.repeat(255),
  replyTo: 'x'.repeat(255),
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
});

const id = '018f5d2e-9d1b-7c3a-8f10-6a2b3c4d5e6f';
const now = 1_800_000_000_000;
const largest = 2 ** 31 - 1;
const worker = `${'w'.repeat(100)}#12345678`;

const task = newTask(
  id,
  {
    type: 't'.repeat(64),
    priority: 9,
    state: 'dead-lettered',
    dispatch: largest,
    attempt: largest,
    token: 1,
    owed: 'dead',
    deadlineAt: now,
    idempotencyKey: options.idempotencyKey ?? null,
    tenant: options.tenant ?? '',
    group: options.group ?? null,
    entities: options.entities ?? [],
    correlationId: options.correlationId ?? null,
    replyTo: options.replyTo ?? null,
    traceparent: options.traceparent ?? null,
    reasonCode: 'unsupported-action',
    reason: wide(maxErrorMessageChars),
    startedAt: now,
  },
  now,
);

const runs = Array.from(
  { length: 50 },
  (_, index): AttemptRun => ({
    taskId: id,
    token: index,
    attempt: largest,
    dispatch: largest,
    worker,
    startedAt: now,
    endedAt: now,
    outcome: 'failed',
    code: 'unsupported-action',
    error: escaped(maxErrorMessageChars),
    stack: null,
    retryAfterMs: largest,
  }),
);

describe('what a task owes', () => {
  it.each(['task', 'delayed', 'dead'] as const)('is never refused for its headers or its names: %s', (owed) => {
    for (const delay of [delayBy('plugin'), delayBy('ladder')]) {
      const due = { ...task, owed, dueAt: now + 3_000_000_000 };
      const publication = owedPublication(due, '{}', { delay, now, copy: id, runs });
      expect(checkPublication(publication, { maxHeaderBytes, maxBodyBytes: 1_000 })).toBeUndefined();
      expect(headerBytes(publication.properties.headers ?? {}, Number.POSITIVE_INFINITY)).toBeGreaterThan(7_000);
    }
  });
});
