import type { Task } from '@warren/ledger';
import type { Publication } from './publisher.js';

/** The body of a reply: the same words for every outcome. `result` is there when `state` is `completed`. */
export interface Reply {
  readonly task_id: string;
  readonly state: Task['state'];
  readonly code: string | null;
  readonly reason: string | null;
  readonly result?: unknown;
}

/**
 * The answer to a submitter that named a `reply_to` queue; undefined for one that did not. It goes through the default
 * exchange, carries the submitter's `correlation_id` and is sent once, best effort: a queue that is gone by then loses
 * nothing, the outcome is in the ledger. Sent when the task is completed and when it is parked; a cancellation is not told,
 * whoever cancels it knows.
 */
export function replyTo(task: Task, result?: unknown): Publication | undefined {
  if (task.replyTo === null) return undefined;
  const reply: Reply = {
    task_id: task.id,
    state: task.state,
    code: task.reasonCode,
    reason: task.reason,
    ...(result === undefined ? {} : { result }),
  };
  return {
    exchange: '',
    routingKey: task.replyTo,
    body: Buffer.from(JSON.stringify(reply)),
    properties: {
      messageId: task.id,
      type: 'reply',
      contentType: 'application/json',
      ...(task.correlationId === null ? {} : { correlationId: task.correlationId }),
    },
  };
}
