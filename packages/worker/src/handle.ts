import { type Failure, failureOf, maxResultBytes, maxScheduleMs, TaskFailure, type TaskType } from '@warren/tasks';
import type { Logger } from 'pino';
import type { Cost, Handler, HandlerResult, Progress } from './handler.js';
import type { RunStop } from './run-stop.js';

/** How one run of a handler ended. */
export type Outcome =
  | { readonly kind: 'completed'; readonly result: string; readonly cost: string | null }
  | { readonly kind: 'snoozed'; readonly delayMs: number; readonly reason: string }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** It did not get to an end of its own: drained, or its delivery or its lease was lost. Nobody is to blame. */
  | { readonly kind: 'interrupted'; readonly why: string };

const maxCostUnits = 16;
const maxSnoozeReasonChars = 500;

/** Shortest snooze, in milliseconds; a shorter one is lengthened to it: each one costs two commits and a publish. */
export const minSnoozeMs = 100;

/**
 * How long a handler may go on after its signal was aborted, in milliseconds. Then it is left to itself: its result will
 * not count. An endless loop on the main thread can't be ended at all, which is why CPU-heavy work runs in threads.
 */
export const abortGraceMs = 5_000;

export interface HandleParts<Input, Result> {
  readonly type: TaskType<Input, Result>;
  readonly handler: Handler<Input, Result>;
  readonly taskId: string;
  readonly attempt: number;
  readonly payload: unknown;
  /** Epoch milliseconds. */
  readonly deadlineAt: number;
  readonly stop: RunStop;
  readonly onProgress: (progress: Progress) => void;
  readonly log: Logger;
}

/** Runs a handler to its outcome. Never throws, and never waits for a handler that ignores its signal. */
export async function handle<Input, Result>(parts: HandleParts<Input, Result>): Promise<Outcome> {
  const input = parts.type.input.safeParse(parts.payload);
  if (!input.success) {
    const issue = input.error.issues[0];
    const field = ['payload', ...(issue?.path ?? [])].join('.');
    return failed(new TaskFailure('invalid-input', `${field}: ${issue?.message ?? 'does not fit the schema'}`));
  }
  const ignored = ignoredStop(parts.stop);
  try {
    return encode(parts.type, await Promise.race([callHandler(parts, input.data), ignored.promise]));
  } catch (error) {
    return stoppedOutcome(parts.stop) ?? failed(error);
  } finally {
    ignored.cancel();
  }
}

/** An async function, so that a handler that throws before its first await rejects like any other. */
async function callHandler<Input, Result>(
  parts: HandleParts<Input, Result>,
  input: Input,
): Promise<HandlerResult<Result>> {
  const { stop } = parts;
  if (stop.stopped) throw stop.stopped;
  return parts.handler(input, {
    taskId: parts.taskId,
    attempt: parts.attempt,
    get signal() {
      return stop.signal;
    },
    deadlineAt: parts.deadlineAt,
    progress: parts.onProgress,
    log: parts.log,
  });
}

/** A handler may be plain JavaScript, so its word for an outcome is not believed. */
function encode<Input, Result>(type: TaskType<Input, Result>, returned: HandlerResult<Result>): Outcome {
  switch (returned?.kind) {
    case 'snoozed':
      return encodeSnooze(returned.delayMs, returned.reason);
    case 'completed': {
      const parsed = type.result.safeParse(returned.result);
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        const field = ['result', ...(issue?.path ?? [])].join('.');
        return failed(
          new TaskFailure('unknown', `the handler's ${field} does not fit its type: ${issue?.message ?? ''}`),
        );
      }
      const result = JSON.stringify(parsed.data) ?? 'null';
      const bytes = Buffer.byteLength(result);
      if (bytes > maxResultBytes) {
        return failed(
          new TaskFailure('policy-violation', `the result takes ${bytes} bytes; at most ${maxResultBytes} are stored`),
        );
      }
      return { kind: 'completed', result, cost: encodeCost(returned.cost) };
    }
    default:
      return notAnOutcome(returned);
  }
}

function notAnOutcome(_returned: never): Outcome {
  return failed(
    new TaskFailure('unknown', 'the handler returned neither completed() nor snoozed(): it has to be mended'),
  );
}

function encodeSnooze(delayMs: number, reason: string): Outcome {
  if (!(delayMs >= 0 && delayMs <= maxScheduleMs)) {
    return failed(new TaskFailure('unknown', `the handler snoozed for ${delayMs} ms; give 0 to ${maxScheduleMs}`));
  }
  return {
    kind: 'snoozed',
    delayMs: Math.max(Math.ceil(delayMs), minSnoozeMs),
    reason: reason.slice(0, maxSnoozeReasonChars),
  };
}

function encodeCost(cost: Cost | undefined): string | null {
  if (cost === undefined) return null;
  const amounts = Object.entries(cost).filter(([unit, amount]) => unit.length <= 64 && Number.isFinite(amount));
  return JSON.stringify(Object.fromEntries(amounts.slice(0, maxCostUnits)));
}

function failed(error: unknown): Outcome {
  return { kind: 'failed', failure: failureOf(error) };
}

/** A handler that ends after its abort, however it puts it, ended because of the abort. */
function stoppedOutcome({ stopped }: RunStop): Outcome | undefined {
  if (!stopped) return undefined;
  return stopped.stop.kind === 'timeout'
    ? { kind: 'failed', failure: stopped.stop.failure }
    : { kind: 'interrupted', why: stopped.stop.why };
}

function ignoredStop(stop: RunStop): { promise: Promise<never>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<never>((_, reject) => {
    stop.onStop(() => {
      timer = setTimeout(() => reject(new Error('the handler went on after its signal was aborted')), abortGraceMs);
    });
  });
  return { promise, cancel: () => clearTimeout(timer) };
}
