import { z } from 'zod';
import { headerBytes, headers, maxHeaderBytes } from './headers.js';
import { defaultPolicy } from './policy.js';
import { maxPriority } from './priority.js';
import type { ReasonCode } from './reason-codes.js';
import { maxScheduleMs, type SubmissionOptions, submissionOptions } from './submission.js';
import type { TaskType } from './task-type.js';
import { findTaskType, taskTypes } from './task-types.js';

/** A message as it came from the broker, before anything in it is believed. */
export interface RawMessage {
  readonly body: Buffer;
  /**
   * The task type whose queue or routing key brought it here; undefined where neither says one. Not the routing key
   * itself: behind a delay that key begins with the delay's digits.
   */
  readonly addressedTo: string | undefined;
  readonly properties: RawProperties;
}

export interface RawProperties {
  readonly messageId?: unknown;
  readonly type?: unknown;
  readonly contentType?: unknown;
  readonly contentEncoding?: unknown;
  readonly priority?: unknown;
  readonly expiration?: unknown;
  readonly correlationId?: unknown;
  readonly replyTo?: unknown;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/** A message that says which task it is for. Its payload is not yet held against the type's schema. */
export interface TaskMessage {
  readonly taskId: string;
  readonly type: TaskType;
  readonly payload: unknown;
  readonly options: SubmissionOptions;
  /** Present on messages that Warren published itself. */
  readonly ticket: Ticket | undefined;
}

/** Which dispatch of its task a message stands for. */
export interface Ticket {
  readonly dispatch: number;
  readonly attempt: number;
  readonly copy: string;
}

/** Why a message can't be taken, and which part of it is at fault. */
export interface Defect {
  readonly code: ReasonCode;
  readonly field: string;
  readonly message: string;
}

export type ParsedMessage =
  | { readonly kind: 'message'; readonly message: TaskMessage }
  | { readonly kind: 'defect'; readonly defect: Defect };

/** Reads a message. Never throws: whatever is wrong with it is a {@link Defect}. */
export function parseMessage(raw: RawMessage, types: readonly TaskType[] = taskTypes): ParsedMessage {
  try {
    return { kind: 'message', message: readMessage(raw, types) };
  } catch (error) {
    if (error instanceof DefectError) return { kind: 'defect', defect: error.defect };
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'defect', defect: boundedDefect({ code: 'malformed', field: 'body', message }) };
  }
}

/** The one body there is, for every exchange and language. `payload` is the input's JSON, already encoded. */
export function encodeBody(taskId: string, type: string, payload: string): Buffer {
  return Buffer.from(`{"task_id":${JSON.stringify(taskId)},"task_type":${JSON.stringify(type)},"payload":${payload}}`);
}

/** Longest field and message of a defect, in characters: names in a body can be as long as the body. */
const maxDefectFieldChars = 255;
const maxDefectMessageChars = 1_000;

/** A defect is logged, shown and kept. */
export function boundedDefect({ code, field, message }: Defect): Defect {
  return { code, field: field.slice(0, maxDefectFieldChars), message: message.slice(0, maxDefectMessageChars) };
}

class DefectError extends Error {
  readonly defect: Defect;

  constructor(code: ReasonCode, field: string, message: string) {
    super(message);
    this.defect = boundedDefect({ code, field, message });
  }
}

const taskId = z.guid().transform((id) => id.toLowerCase());
const bodySchema = z.object({
  task_id: taskId,
  task_type: z.string().min(1).max(64),
  payload: z.unknown().refine((payload) => payload !== undefined, 'is missing'),
});

/** What the parts of a body are, for whoever sent another thing. */
const partForms: Readonly<Record<string, string>> = {
  task_id: 'a UUID, as text',
  task_type: 'text of 1 to 64 characters',
  payload: "there: it is the input, as the task's type has it",
};

function readMessage(raw: RawMessage, types: readonly TaskType[]): TaskMessage {
  checkHeaderSize(raw.properties.headers ?? {});
  const body = readBody(raw, types);
  checkIds(raw, body);
  const type = findTaskType(body.task_type, types);
  if (!type) {
    throw new DefectError(
      'unsupported-action',
      'task_type',
      `no task type "${body.task_type}"; there are: ${types.map((known) => known.name).join(', ')}`,
    );
  }
  return {
    taskId: body.task_id,
    type,
    payload: body.payload,
    options: readOptions(raw.properties),
    ticket: readTicket(raw.properties.headers ?? {}),
  };
}

function readBody(raw: RawMessage, types: readonly TaskType[]): z.infer<typeof bodySchema> {
  checkContentType(raw.properties);
  const limit = findTaskType(raw.addressedTo ?? '', types)?.policy.maxBodyBytes ?? defaultPolicy.maxBodyBytes;
  if (raw.body.byteLength > limit) {
    throw new DefectError(
      'policy-violation',
      'body',
      `${raw.body.byteLength} bytes; at most ${limit}: pass larger input by reference`,
    );
  }
  if (raw.body.byteLength === 0) throw new DefectError('malformed', 'body', 'is empty');
  const parsed = bodySchema.safeParse(parseJson(raw.body));
  if (!parsed.success) {
    const [part, ...deeper] = parsed.error.issues[0]?.path ?? [];
    const wanted = partForms[String(part)] ?? 'an object with task_id, task_type and payload';
    throw new DefectError('malformed', [part ?? 'body', ...deeper].join('.'), `has to be ${wanted}`);
  }
  const tooDeep = depthDefect(parsed.data.payload);
  if (tooDeep !== undefined) throw new DefectError(tooDeep.code, tooDeep.field, tooDeep.message);
  return parsed.data;
}

/** Deeper than any input needs. `JSON.parse` has no limit, but whoever checks or writes the value again has a stack. */
const maxPayloadDepth = 100;

/** What is wrong with a payload whose lists and objects lie more than {@link maxPayloadDepth} deep in each other. */
export function depthDefect(payload: unknown): Defect | undefined {
  if (!isDeeperThan(payload, maxPayloadDepth)) return undefined;
  return {
    code: 'malformed',
    field: 'payload',
    message: `is nested deeper than ${maxPayloadDepth} levels: flatten it`,
  };
}

/** Level by level, each value once: a stack would overflow, and a value that holds itself has no end. */
function isDeeperThan(value: unknown, levels: number): boolean {
  let level = containersIn([value]);
  for (let depth = 1; level.size > 0; depth++) {
    if (depth > levels) return true;
    level = containersIn([...level].flatMap((container) => Object.values(container)));
  }
  return false;
}

function containersIn(values: readonly unknown[]): ReadonlySet<object> {
  return new Set(values.filter((value) => typeof value === 'object' && value !== null));
}

function parseJson(body: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new DefectError('malformed', 'body', 'is not UTF-8');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DefectError('malformed', 'body', `is not JSON${placeIn(error)}`);
  }
}

/** The engine's own words quote the body, and a defect is logged and shown: only where it found it is passed on. */
function placeIn(error: unknown): string {
  const [, position] = /at position (\d+)/.exec(String(error)) ?? [];
  return position === undefined ? '' : `: at character ${position}`;
}

function checkContentType({ contentType, contentEncoding }: RawProperties): void {
  if (contentType && !/^application\/([\w.-]+\+)?json(\s*;\s*charset="?utf-8"?)?$/i.test(String(contentType))) {
    throw new DefectError(
      'malformed',
      'content_type',
      `"${String(contentType).slice(0, 100)}" is not application/json`,
    );
  }
  if (contentEncoding && !/^(utf-?8|identity)$/i.test(String(contentEncoding))) {
    throw new DefectError('malformed', 'content_encoding', `"${String(contentEncoding).slice(0, 100)}" is not utf-8`);
  }
}

function checkHeaderSize(values: Readonly<Record<string, unknown>>): void {
  const bytes = headerBytes(values, maxHeaderBytes);
  if (bytes > maxHeaderBytes) {
    throw new DefectError('policy-violation', 'headers', `${bytes} bytes or more; at most ${maxHeaderBytes}`);
  }
}

function checkIds({ addressedTo, properties }: RawMessage, body: { task_id: string; task_type: string }): void {
  if (properties.messageId && String(properties.messageId).toLowerCase() !== body.task_id) {
    throw new DefectError('conflict', 'message_id', `differs from task_id ${body.task_id}`);
  }
  if (addressedTo !== undefined && addressedTo !== body.task_type) {
    throw new DefectError(
      'conflict',
      'task_type',
      `"${body.task_type}" came addressed to "${addressedTo.slice(0, 255)}"`,
    );
  }
}

function readOptions(properties: RawProperties): SubmissionOptions {
  const given = properties.headers ?? {};
  const parsed = submissionOptions.safeParse(
    withoutUndefined({
      priority: properties.priority,
      expiresMs: readDuration(properties.expiration),
      correlationId: properties.correlationId,
      replyTo: properties.replyTo,
      idempotencyKey: given[headers.idempotencyKey],
      tenant: given[headers.tenant],
      group: given[headers.group],
      deadline: readTime(given[headers.deadline]),
      entities: readNames(given[headers.entities]),
      traceparent: given[headers.traceparent],
    }),
  );
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path ?? [];
  const wanted = optionForms[String(path[0])];
  const message = wanted === undefined ? issue?.message : `has to be ${wanted}`;
  throw new DefectError('malformed', wireName(path), message ?? 'does not fit the schema');
}

const nameForm = (maxChars: number) => `text of 1 to ${maxChars} characters, none of them a control character`;
const shortForm = 'text of 1 to 255 bytes, without control characters';

/** The forms in which a message may hold an option, for whoever sent another one. */
const optionForms: Readonly<Record<string, string>> = {
  priority: `a whole number from 0 to ${maxPriority}`,
  expiresMs: `milliseconds as digits, from 1 to ${maxScheduleMs}`,
  correlationId: shortForm,
  replyTo: shortForm,
  idempotencyKey: nameForm(255),
  tenant: nameForm(128),
  group: nameForm(128),
  deadline: 'a time: ISO 8601 (2030-01-31T18:00:00Z), epoch milliseconds, or an AMQP timestamp',
  entities: `up to 16 names in a list, or in one text with commas between them; each is ${nameForm(128)}`,
  traceparent: 'a W3C traceparent: 00-<32 hexadecimal digits>-<16>-<2>, in lower case',
};

/** What the options are called in a message: a defect names what its sender wrote. */
const wireNames: Readonly<Record<string, string>> = {
  expiresMs: 'expiration',
  correlationId: 'correlation_id',
  replyTo: 'reply_to',
  idempotencyKey: headers.idempotencyKey,
  tenant: headers.tenant,
  group: headers.group,
  deadline: headers.deadline,
  entities: headers.entities,
};

function wireName([option = 'properties', ...rest]: readonly PropertyKey[]): string {
  return [wireNames[String(option)] ?? option, ...rest].map(String).join('.');
}

/** Counters are 32-bit integers in the ledger, and a copy's name is one word: nothing else was ever published. */
const counter = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31 - 1);
const ticketSchema = z.object({
  dispatch: counter,
  attempt: counter,
  copy: z.string().regex(/^[!-~]{1,64}$/),
});

/** The task and dispatch that a message names beside its body, which may be past reading; undefined: it does not name both. */
export function dispatchNamed({
  headers: given,
  messageId,
}: RawProperties): { readonly taskId: string; readonly ticket: Ticket } | undefined {
  const id = taskId.safeParse(messageId);
  const ticket = readTicket(given ?? {});
  return id.success && ticket ? { taskId: id.data, ticket } : undefined;
}

function readTicket(given: Readonly<Record<string, unknown>>): Ticket | undefined {
  const parsed = ticketSchema.safeParse({
    dispatch: given[headers.dispatch],
    attempt: given[headers.attempt],
    copy: given[headers.copy],
  });
  return parsed.success ? parsed.data : undefined;
}

/** AMQP carries milliseconds as a string of digits. */
function readDuration(value: unknown): unknown {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
}

/** AMQP timestamps arrive as `{ '!': 'timestamp', value: seconds }`. */
const amqpTimestamp = z.object({ '!': z.literal('timestamp'), value: z.number() });

function readTime(value: unknown): unknown {
  const timestamp = amqpTimestamp.safeParse(value);
  if (timestamp.success) return timestamp.data.value * 1_000;
  if (typeof value !== 'string') return value;
  return /^\d+$/.test(value) ? Number(value) : Date.parse(value);
}

function readNames(value: unknown): unknown {
  return typeof value === 'string'
    ? value
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean)
    : value;
}

function withoutUndefined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
}
