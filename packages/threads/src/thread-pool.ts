import { MessageChannel } from 'node:worker_threads';
import { type Failure, TaskFailure } from '@warren/tasks';
import { Piscina } from 'piscina';
import type { ThreadAnswer, ThreadGiven, ThreadStep } from './thread-entry.js';

export interface ThreadPoolOptions {
  /** Compiled file whose default export `threadEntry` made. */
  readonly file: URL;
  /** Jobs at the same time, at most: each has a thread of its own. More wait for a free one. */
  readonly threads: number;
  /** Heap that one thread may fill, in MiB; above it the job fails and only its thread ends. Default 512. */
  readonly memoryMb?: number;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly onStep?: (step: ThreadStep) => void;
  /** Buffers of the job that go over to the thread instead of being copied: they are empty here once it has started. */
  readonly transfer?: readonly ArrayBuffer[];
}

export interface ThreadRun<Result> {
  readonly result: Result;
  /** How long the thread worked, in milliseconds: waiting for one is not counted. */
  readonly workMs: number;
}

/** CPU-heavy work outside the main thread, so that its loops hold up neither heartbeats nor leases. */
export interface ThreadPool<Job, Result> {
  /**
   * Works one job, plain data. When `signal` fires its thread is ended, in the middle of a loop too, and the signal's
   * reason is thrown; other jobs go on. Throws `TaskFailure` with the code and the words of what the work threw,
   * `invalid-input` if it ran out of memory.
   */
  run(job: Job, options: RunOptions): Promise<ThreadRun<Result>>;
  /** Ends every thread at once, running jobs too: drain first. */
  close(): Promise<void>;
}

const defaultMemoryMb = 512;
/** How long a thread without work is kept, in milliseconds: starting one takes longer than a small job. */
const idleMs = 60_000;

export function createThreadPool<Job, Result>(options: ThreadPoolOptions): ThreadPool<Job, Result> {
  const memoryMb = options.memoryMb ?? defaultMemoryMb;
  const pool = new Piscina<ThreadGiven<Job>, ThreadAnswer<Result>>({
    filename: options.file.href,
    minThreads: 0,
    maxThreads: options.threads,
    idleTimeout: idleMs,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
  });
  return {
    async run(job, { signal, onStep, transfer = [] }) {
      const { port1, port2 } = new MessageChannel();
      if (onStep !== undefined) port1.on('message', onStep);
      try {
        return unwrap(await pool.run({ job, steps: port2 }, { signal, transferList: [port2, ...transfer] }));
      } catch (error) {
        signal.throwIfAborted();
        throw isOutOfMemory(error) ? tooLarge(memoryMb, error) : error;
      } finally {
        port1.close();
      }
    },
    close: () => pool.destroy(),
  };
}

function unwrap<Result>(answer: ThreadAnswer<Result>): ThreadRun<Result> {
  switch (answer.kind) {
    case 'done':
      return { result: answer.result, workMs: answer.workMs };
    case 'failed':
      throw thrownAgain(answer.failure);
  }
}

function thrownAgain({ code, message, stack, retryAfterMs }: Failure): TaskFailure {
  return new TaskFailure(code, message, { cause: stack, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}

function isOutOfMemory(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

function tooLarge(memoryMb: number, cause: unknown): TaskFailure {
  return new TaskFailure(
    'invalid-input',
    `The input needs more than the ${memoryMb} MiB of memory that one task may use. Submit less text, or split it into several tasks.`,
    { cause },
  );
}
