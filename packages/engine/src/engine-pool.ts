import { MessageChannel } from 'node:worker_threads';
import { TaskFailure } from '@warren/tasks';
import { Piscina } from 'piscina';
import type { EngineStep, ThreadAnswer, ThreadJob } from './engine-thread.js';

export interface EnginePoolOptions {
  /** Compiled file whose default export {@link engineThread} made. */
  readonly file: URL;
  /** Jobs at the same time, at most: each has a thread of its own. More wait for a free one. */
  readonly threads: number;
  /** Heap that one thread may fill, in MiB; above it the job fails and only its thread ends. Default 512. */
  readonly memoryMb?: number;
}

export interface EngineRun<Result> {
  readonly result: Result;
  /** How long the engine worked, in milliseconds: waiting for a thread is not counted. */
  readonly engineMs: number;
}

/** An engine that works outside the main thread, so that its loops hold up neither heartbeats nor leases. */
export interface EnginePool<Job, Result> {
  /**
   * Works one job. When `signal` fires its thread is ended, in the middle of a loop too, and the signal's reason is
   * thrown; other jobs go on. Throws `TaskFailure` as the engine threw it, `invalid-input` if it ran out of memory.
   */
  run(job: Job, options: { signal: AbortSignal; onStep?: (step: EngineStep) => void }): Promise<EngineRun<Result>>;
  /** Ends every thread at once, running jobs too: drain first. */
  close(): Promise<void>;
}

const defaultMemoryMb = 512;
/** How long a thread without work is kept, in milliseconds: starting one takes longer than a small job. */
const idleMs = 60_000;

export function createEnginePool<Job, Result>(options: EnginePoolOptions): EnginePool<Job, Result> {
  const memoryMb = options.memoryMb ?? defaultMemoryMb;
  const pool = new Piscina<ThreadJob<Job>, ThreadAnswer<Result>>({
    filename: options.file.href,
    minThreads: 0,
    maxThreads: options.threads,
    idleTimeout: idleMs,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
  });
  return {
    async run(job, { signal, onStep }) {
      const { port1, port2 } = new MessageChannel();
      if (onStep !== undefined) port1.on('message', onStep);
      try {
        return unwrap(await pool.run({ job, steps: port2 }, { signal, transferList: [port2] }));
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

function unwrap<Result>(answer: ThreadAnswer<Result>): EngineRun<Result> {
  switch (answer.kind) {
    case 'done':
      return { result: answer.result, engineMs: answer.engineMs };
    case 'failed':
      throw new TaskFailure(answer.failure.code, answer.failure.message, { cause: answer.failure.stack });
  }
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
