import { describe, expect, it } from '@jest/globals';
import type { Letter, Task } from '@warren/ledger';
import type { TaskState } from '@warren/tasks';
import { countDemo, countLine } from './demo-count.js';

const now = 1_700_000_000_000;

function task(state: TaskState, attempt = 1): Task {
  return {
    id: 'b9b0a1de-7a0d-7c3f-8e5e-111111111111',
    type: 'summarize',
    priority: 5,
    state,
    dispatch: 1,
    attempt,
    allowanceFrom: 1,
    token: 1,
    lease: null,
    lostTokens: [],
    owed: null,
    dispatchedAt: now,
    dueAt: 0,
    publishedAt: now,
    expiresMs: null,
    deadlineAt: null,
    fingerprint: '',
    idempotencyKey: null,
    tenant: '',
    group: null,
    entities: [],
    correlationId: null,
    replyTo: null,
    traceparent: null,
    duplicates: 0,
    reasonCode: null,
    reason: null,
    progress: null,
    createdAt: now,
    updatedAt: now,
    startedAt: now,
    finishedAt: null,
  };
}

function letter(state: Letter['state']): Letter {
  return {
    id: 'l',
    taskId: null,
    type: null,
    dispatch: null,
    state,
    code: 'malformed',
    reason: '',
    rule: null,
    advice: null,
    body: Buffer.alloc(0),
    properties: '{}',
    sourceQueue: 'submitted',
    routingKey: '',
    related: {},
    firstSeen: now,
    lastSeen: now,
    timesSeen: 1,
    unfinished: 0,
    resolvedAt: null,
    resolution: null,
    escalatedTo: null,
    escalatedAt: null,
  };
}

describe('countDemo', () => {
  it('counts what completed, what took several attempts and what waits for a person', () => {
    const count = countDemo([task('completed'), task('completed', 3), task('parked')], [letter('parked')]);
    expect(countLine(count)).toBe('demo: submitted=4 completed=2 retried=1 parked=2 lost=0');
  });

  it('calls lost what is unknown, unfinished, or a message that nobody kept', () => {
    const count = countDemo([undefined, task('queued'), task('dead-lettered')], [undefined, letter('received')]);
    expect(countLine(count)).toBe('demo: submitted=5 completed=0 retried=0 parked=0 lost=5');
  });
});
