import type { MessagePort } from 'node:worker_threads';
import { type Failure, failureOf } from '@warren/tasks';

/** One step of the work, as people see it while they wait. */
export interface ThreadStep {
  readonly message: string;
  readonly done?: number;
  readonly total?: number;
}

/** What a thread is given: the job, and the port on which it tells its steps. */
export interface ThreadGiven<Job> {
  readonly job: Job;
  readonly steps: MessagePort;
}

/** What a thread answers. A failure travels as data: an error loses its reason code on the way between threads. */
export type ThreadAnswer<Result> =
  | { readonly kind: 'done'; readonly result: Result; readonly workMs: number }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Makes of `work` the function that a thread's file exports as its default, for a `ThreadPool` to call. */
export function threadEntry<Job, Result>(
  work: (job: Job, onStep: (step: ThreadStep) => void) => Result,
): (given: ThreadGiven<Job>) => ThreadAnswer<Result> {
  return ({ job, steps }) => {
    const startedAt = performance.now();
    try {
      const result = work(job, (step) => steps.postMessage(step));
      return { kind: 'done', result, workMs: Math.round(performance.now() - startedAt) };
    } catch (error) {
      return { kind: 'failed', failure: failureOf(error) };
    } finally {
      steps.close();
    }
  };
}
