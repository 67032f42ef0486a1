import type { Logger } from 'pino';

/** What a piece of work cost, by unit: `{ inputTokens: 812, usd: 0.004 }`. At most 16 units are kept. */
export type Cost = Readonly<Record<string, number>>;

/** One step of a running task, as people see it while they wait. */
export interface Progress {
  readonly message: string;
  readonly done?: number;
  readonly total?: number;
}

/** What a handler is given besides its input. */
export interface HandlerContext {
  readonly taskId: string;
  /** Counts from 1. The same attempt may run again after a crash: write handlers so that this is harmless. */
  readonly attempt: number;
  /** Aborted at the attempt's deadline, when the lease is lost, when the task is cancelled and when the worker must stop. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds at which `signal` fires as a timeout. */
  readonly deadlineAt: number;
  /** Records a step. Never fails and never waits: it is written with the next batch. */
  progress(step: Progress): void;
  readonly log: Logger;
}

/** What a handler returns. To fail, it throws: `TaskFailure` with a reason code, or anything else, which is `unknown`. */
export type HandlerResult<Result> =
  | { readonly kind: 'completed'; readonly result: Result; readonly cost?: Cost }
  /** Come back later, not before `delayMs` (at least 100): no slot is held, no attempt is used. */
  | { readonly kind: 'snoozed'; readonly delayMs: number; readonly reason: string };

export type Handler<Input, Result> = (input: Input, context: HandlerContext) => Promise<HandlerResult<Result>>;

export function completed<Result>(result: Result, cost?: Cost): HandlerResult<Result> {
  return cost === undefined ? { kind: 'completed', result } : { kind: 'completed', result, cost };
}

export function snoozed<Result>(delayMs: number, reason: string): HandlerResult<Result> {
  return { kind: 'snoozed', delayMs, reason };
}
