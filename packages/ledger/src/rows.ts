import { z } from 'zod';
import type { Letter, LetterOutline } from './letter.js';
import type { AttemptRow, LetterRow, TaskRow } from './schema.js';
import type { AttemptRun, Task } from './task.js';

/** Rows are written by this room alone; what is parsed here is JSON text inside them. */
const numbers = z.array(z.number());
const names = z.array(z.string());
const related = z.object({
  tenant: z.string().exactOptional(),
  group: z.string().exactOptional(),
  idempotencyKey: z.string().exactOptional(),
  correlationId: z.string().exactOptional(),
  entities: names.exactOptional(),
  claimedId: z.string().exactOptional(),
});

export function taskFrom(row: TaskRow): Task {
  return {
    id: row.id,
    type: row.type,
    priority: row.priority,
    state: row.state,
    dispatch: row.dispatch,
    attempt: row.attempt,
    allowanceFrom: row.allowance_from,
    token: row.token,
    lease:
      row.lease_owner === null
        ? null
        : { owner: row.lease_owner, copy: row.lease_copy ?? '', until: row.lease_until ?? 0 },
    lostTokens: row.lost_tokens === '[]' ? [] : numbers.parse(JSON.parse(row.lost_tokens)),
    owed: row.owed,
    dispatchedAt: row.dispatched_at,
    dueAt: row.due_at,
    publishedAt: row.published_at,
    expiresMs: row.expires_ms,
    deadlineAt: row.deadline_at,
    fingerprint: row.fingerprint,
    idempotencyKey: row.idempotency_key,
    tenant: row.tenant,
    group: row.task_group,
    entities: row.entities === '[]' ? [] : names.parse(JSON.parse(row.entities)),
    correlationId: row.correlation_id,
    replyTo: row.reply_to,
    traceparent: row.traceparent,
    duplicates: row.duplicates,
    reasonCode: row.reason_code,
    reason: row.reason,
    progress: row.progress,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

export function rowFrom(task: Task): TaskRow {
  return {
    id: task.id,
    type: task.type,
    priority: task.priority,
    state: task.state,
    dispatch: task.dispatch,
    attempt: task.attempt,
    allowance_from: task.allowanceFrom,
    token: task.token,
    lease_owner: task.lease?.owner ?? null,
    lease_copy: task.lease?.copy ?? null,
    lease_until: task.lease?.until ?? null,
    lost_tokens: JSON.stringify(task.lostTokens),
    owed: task.owed,
    dispatched_at: task.dispatchedAt,
    due_at: task.dueAt,
    published_at: task.publishedAt,
    expires_ms: task.expiresMs,
    deadline_at: task.deadlineAt,
    fingerprint: task.fingerprint,
    idempotency_key: task.idempotencyKey,
    tenant: task.tenant,
    task_group: task.group,
    entities: JSON.stringify(task.entities),
    correlation_id: task.correlationId,
    reply_to: task.replyTo,
    traceparent: task.traceparent,
    duplicates: task.duplicates,
    reason_code: task.reasonCode,
    reason: task.reason === null ? null : storable(task.reason),
    progress: task.progress === null ? null : storable(task.progress),
    created_at: task.createdAt,
    updated_at: task.updatedAt,
    started_at: task.startedAt,
    finished_at: task.finishedAt,
  };
}

export function runFrom(row: AttemptRow): AttemptRun {
  return {
    taskId: row.task_id,
    token: row.token,
    attempt: row.attempt,
    dispatch: row.dispatch,
    worker: row.worker,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    outcome: row.outcome,
    code: row.code,
    error: row.error,
    stack: row.stack,
    retryAfterMs: row.retry_after_ms,
  };
}

export function letterFrom(row: LetterRow): Letter {
  return { ...outlineFrom(row), body: Buffer.from(row.body), properties: row.properties };
}

export function outlineFrom(row: Omit<LetterRow, 'body' | 'properties'>): LetterOutline {
  return {
    id: row.id,
    taskId: row.task_id,
    type: row.type,
    dispatch: row.dispatch,
    state: row.state,
    code: row.code,
    reason: row.reason,
    rule: row.rule,
    advice: row.advice,
    sourceQueue: row.source_queue,
    routingKey: row.routing_key,
    related: related.parse(JSON.parse(row.related)),
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    timesSeen: row.times_seen,
    unfinished: row.unfinished,
    resolvedAt: row.resolved_at,
    resolution: row.resolution,
    escalatedTo: row.escalated_to,
    escalatedAt: row.escalated_at,
  };
}

/** Postgres refuses a NUL in text, and half a surrogate pair; an error message may hold anything. */
export function storable(text: string): string {
  // The way to UTF-8 and back puts U+FFFD for each half pair.
  const whole = /\p{Surrogate}/u.test(text) ? Buffer.from(text).toString() : text;
  return whole.includes('\0') ? whole.replaceAll('\0', '\uFFFD') : whole;
}
