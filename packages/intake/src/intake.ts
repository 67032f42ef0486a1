import type { Dispatcher } from '@warren/broker';
import type { Ledger, Sweeps, Task } from '@warren/ledger';
import {
  boundedDefect,
  classPriority,
  type Defect,
  depthDefect,
  encodeBody,
  findTaskType,
  type SubmissionOptions,
  submissionOptions,
  type TaskType,
  taskTypes,
} from '@warren/tasks';
import { isOurQueue } from '@warren/topology';
import { stringify } from 'safe-stable-stringify';
import { z } from 'zod';
import { fingerprint } from './fingerprint.js';
import { newTaskId } from './task-id.js';

/** What somebody wants done. `input` is not yet believed. */
export interface Submission {
  readonly type: string;
  readonly input: unknown;
  /** Any UUID; a new UUIDv7 when missing. */
  readonly id?: string;
  readonly options?: SubmissionOptions;
}

export type IntakeAnswer =
  /** On record. `published`: the broker has confirmed it; if not, the sweeper will publish it. */
  | { readonly kind: 'accepted'; readonly task: Task; readonly published: boolean }
  /** The same id or idempotency key with the same content was here before: this is that task. */
  | { readonly kind: 'duplicate'; readonly task: Task }
  /** Not on record. `field` names what is at fault, `code` is `conflict` for an id or key used with other content. */
  | { readonly kind: 'rejected'; readonly defect: Defect };

/** The one way in: the CLI, queue `submitted`, and whoever submits in process all pass here. */
export interface Intake {
  /**
   * Throws `LedgerUnavailable`: then the task may be on record or not, because the answer to a commit can be lost. The same
   * id or idempotency key again finds out, and submits it if it is not.
   */
  submit(submission: Submission): Promise<IntakeAnswer>;
}

/**
 * Most publishes that may be owed before new submissions are refused as `overloaded`. While the broker is away the
 * ledger is the outbox, and an outbox has a bound. Counted while nothing says that the broker takes publishes: before the
 * first publish of a process, and after one that failed. What waits in the queues of the broker is not bounded by it.
 */
export const defaultOutboxLimit = 10_000;

export interface IntakeParts {
  readonly ledger: Pick<Ledger, 'submit'> & { readonly sweeps: Pick<Sweeps, 'owedCount'> };
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>;
  readonly types?: readonly TaskType[];
  readonly now?: () => number;
  readonly newId?: () => string;
  /** Default {@link defaultOutboxLimit}. */
  readonly outboxLimit?: number;
  /** Told of each publish that failed after its task was recorded. */
  readonly onPublishFailed?: (task: Task, error: unknown) => void;
}

export function createIntake(parts: IntakeParts): Intake {
  const { ledger, dispatcher, types = taskTypes, outboxLimit = defaultOutboxLimit } = parts;
  const now = parts.now ?? Date.now;
  const newId = parts.newId ?? newTaskId;
  let lastWasPublished = false;

  return {
    async submit(submission) {
      const checked = checkSubmission(submission, types);
      if (checked.kind === 'defect') return { kind: 'rejected', defect: checked.defect };
      if (!lastWasPublished && (await ledger.sweeps.owedCount()) >= outboxLimit) return overloaded(outboxLimit);

      const task = newTask(checked, submission.id ?? newId(), now());
      const answer = await ledger.submit({ task, payload: checked.payload });
      switch (answer.kind) {
        case 'recorded':
          return { kind: 'accepted', task: answer.task, published: await publish(answer.task, checked.payload) };
        case 'duplicate':
          return { kind: 'duplicate', task: answer.task };
        case 'conflict':
          return conflict(answer.field, answer.task);
      }
    },
  };

  /** The task is on record with its publish owed, so a failure here is a delay and no loss. */
  async function publish(task: Task, payload: string): Promise<boolean> {
    try {
      await dispatcher.dispatch(task, payload);
      lastWasPublished = true;
      return true;
    } catch (error) {
      lastWasPublished = false;
      parts.onPublishFailed?.(task, error);
      return false;
    }
  }
}

interface CheckedSubmission {
  readonly kind: 'checked';
  readonly type: TaskType;
  /** The input as it was given, as JSON with sorted keys. */
  readonly payload: string;
  readonly options: SubmissionOptions;
}

/** Holds a submission against its type's schema and limits. Pure; also what a dry run asks. */
export function checkSubmission(
  submission: Submission,
  types: readonly TaskType[] = taskTypes,
): CheckedSubmission | { readonly kind: 'defect'; readonly defect: Defect } {
  const type = findTaskType(submission.type, types);
  if (!type) return defect('unsupported-action', 'type', unknownType(submission.type, types));
  if (submission.id !== undefined && !z.guid().safeParse(submission.id).success) {
    return defect('invalid-input', 'task_id', `"${submission.id.slice(0, 64)}" is no UUID`);
  }
  const options = submissionOptions.safeParse(submission.options ?? {});
  if (!options.success) return defect('invalid-input', ...firstIssue(options.error));
  const { replyTo } = options.data;
  // A reply there would be taken for a task, a submission or a letter.
  if (replyTo !== undefined && isOurQueue(replyTo)) {
    return defect('invalid-input', 'reply_to', `"${replyTo}" is a queue of Warren's: name one of your own`);
  }
  // Before the schema and the encoder, which both go down into the value.
  const tooDeep = depthDefect(submission.input);
  if (tooDeep) return { kind: 'defect', defect: tooDeep };
  const input = type.input.safeParse(submission.input);
  if (!input.success) return defect('invalid-input', ...firstIssue(input.error, 'payload'));
  const bigint = pathOfBigint(submission.input);
  if (bigint) {
    const message = 'is a bigint, which JSON does not hold: give it as a number or as text';
    return defect('invalid-input', ['payload', ...bigint].join('.'), message);
  }
  const payload = stringify(submission.input);
  if (payload === undefined) return defect('invalid-input', 'payload', 'is not JSON');
  const bytes = bodyBytes(type, payload);
  const limit = type.policy.maxBodyBytes;
  if (bytes > limit) {
    return defect(
      'policy-violation',
      'payload',
      `makes a body of ${bytes} bytes; ${type.name} takes ${limit}: pass larger input by reference`,
    );
  }
  return { kind: 'checked', type, payload, options: options.data };
}

/**
 * Where a value holds a bigint, if it does. The encoder would write its digits: whoever reads them makes another number of
 * a large one, and its task would be taken for one that was submitted with other content. Not for a value without an end.
 */
function pathOfBigint(value: unknown): readonly string[] | undefined {
  if (typeof value === 'bigint') return [];
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const path = pathOfBigint(inner);
    if (path) return [key, ...path];
  }
  return undefined;
}

const anyId = '00000000-0000-7000-8000-000000000000';

/** As workers will measure it: the payload within its body. */
function bodyBytes(type: TaskType, payload: string): number {
  return encodeBody(anyId, type.name, '').byteLength + Buffer.byteLength(payload);
}

function newTask({ type, payload, options }: CheckedSubmission, id: string, now: number): Task {
  const delayMs = options.delayMs ?? 0;
  return {
    id: id.toLowerCase(),
    type: type.name,
    priority: options.priority ?? classPriority[type.policy.defaultClass],
    state: delayMs > 0 ? 'scheduled' : 'accepted',
    dispatch: 1,
    attempt: 1,
    allowanceFrom: 1,
    token: 0,
    lease: null,
    lostTokens: [],
    owed: delayMs > 0 ? 'delayed' : 'task',
    dispatchedAt: now,
    dueAt: delayMs > 0 ? now + delayMs : 0,
    publishedAt: null,
    expiresMs: options.expiresMs ?? null,
    deadlineAt: options.deadline ?? (type.policy.deadlineMs > 0 ? now + delayMs + type.policy.deadlineMs : null),
    fingerprint: fingerprint(type.name, payload),
    idempotencyKey: options.idempotencyKey ?? null,
    tenant: options.tenant ?? '',
    group: options.group ?? null,
    entities: options.entities ?? [],
    correlationId: options.correlationId ?? null,
    replyTo: options.replyTo ?? null,
    traceparent: options.traceparent ?? null,
    duplicates: 0,
    reasonCode: null,
    reason: null,
    progress: null,
    createdAt: now,
    updatedAt: now,
    startedAt: null,
    finishedAt: null,
  };
}

function firstIssue(error: z.ZodError, prefix = ''): [field: string, message: string] {
  const issue = error.issues[0];
  const field = [prefix, ...(issue?.path ?? [])].filter((part) => part !== '').join('.');
  return [field || 'input', issue?.message ?? 'does not fit the schema'];
}

function defect(code: Defect['code'], field: string, message: string): { kind: 'defect'; defect: Defect } {
  return { kind: 'defect', defect: boundedDefect({ code, field, message }) };
}

function unknownType(name: string, types: readonly TaskType[]): string {
  return `no task type "${name.slice(0, 64)}"; there are: ${types.map((type) => type.name).join(', ')}`;
}

function conflict(field: 'task_id' | 'idempotency_key', task: Task): IntakeAnswer {
  const message = `task ${task.id} was submitted with it and other content; use a new one, or the same content`;
  return { kind: 'rejected', defect: { code: 'conflict', field, message } };
}

function overloaded(limit: number): IntakeAnswer {
  const message = `${limit} tasks wait for the broker already; submit again when it is back`;
  return { kind: 'rejected', defect: { code: 'overloaded', field: 'broker', message } };
}
