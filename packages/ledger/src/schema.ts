import type { ReasonCode, TaskState } from '@warren/tasks';
import type { HandActName } from './hand-act.js';
import type { LetterState } from './letter.js';
import type { OwedPublish, RunOutcome } from './task.js';

/**
 * The tables, the same in SQLite and Postgres: text, integers (epoch milliseconds, 64 bit) and bytes; lists and objects
 * as JSON text. A task's input stands in a table of its own: the task's row is rewritten at every move and stays small.
 */
export interface Tables {
  tasks: TaskRow;
  inputs: { task_id: string; payload: string };
  attempts: AttemptRow;
  results: { task_id: string; result: string; cost: string | null; completed_at: number };
  dead_letters: LetterRow;
  acts_by_hand: HandActRow;
  named_leases: { name: string; owner: string; until: number };
  living_queues: { queue: string; role: string; state: QueueState };
}

export type QueueState = 'receiving' | 'draining' | 'closing';

export interface TaskRow {
  id: string;
  type: string;
  priority: number;
  state: TaskState;
  dispatch: number;
  attempt: number;
  allowance_from: number;
  token: number;
  lease_owner: string | null;
  lease_copy: string | null;
  lease_until: number | null;
  lost_tokens: string;
  owed: OwedPublish | null;
  dispatched_at: number;
  due_at: number;
  published_at: number | null;
  expires_ms: number | null;
  deadline_at: number | null;
  fingerprint: string;
  idempotency_key: string | null;
  tenant: string;
  task_group: string | null;
  entities: string;
  correlation_id: string | null;
  reply_to: string | null;
  traceparent: string | null;
  duplicates: number;
  reason_code: ReasonCode | null;
  reason: string | null;
  progress: string | null;
  created_at: number;
  updated_at: number;
  started_at: number | null;
  finished_at: number | null;
}

export interface AttemptRow {
  task_id: string;
  token: number;
  attempt: number;
  dispatch: number;
  worker: string;
  started_at: number;
  ended_at: number | null;
  outcome: RunOutcome;
  code: ReasonCode | null;
  error: string | null;
  stack: string | null;
  retry_after_ms: number | null;
}

export interface LetterRow {
  id: string;
  fingerprint: string;
  task_id: string | null;
  type: string | null;
  dispatch: number | null;
  state: LetterState;
  code: ReasonCode;
  reason: string;
  rule: string | null;
  advice: string | null;
  body: Buffer;
  properties: string;
  source_queue: string;
  routing_key: string;
  related: string;
  first_seen: number;
  last_seen: number;
  times_seen: number;
  unfinished: number;
  resolved_at: number | null;
  resolution: string | null;
  escalated_to: string | null;
  escalated_at: number | null;
}

/** Of `task_id` and `letter_id`, one is there. */
export interface HandActRow {
  id: string;
  task_id: string | null;
  letter_id: string | null;
  act: HandActName;
  done_by: string;
  recipient: string | null;
  note: string | null;
  done_at: number;
}
