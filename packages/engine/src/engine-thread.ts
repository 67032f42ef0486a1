import type { MessagePort } from 'node:worker_threads';
import { type Failure, failureOf } from '@warren/tasks';

/** One step of the work, as people see it while they wait. */
export interface EngineStep {
  readonly message: string;
  readonly done?: number;
  readonly total?: number;
}

/** What a thread is given: the job, and the port on which it tells its steps. */
export interface ThreadJob<Job> {
  readonly job: Job;
  readonly steps: MessagePort;
}

/** What a thread answers. A failure travels as data: an error loses its reason code on the way between threads. */
export type ThreadAnswer<Result> =
  | { readonly kind: 'done'; readonly result: Result; readonly engineMs: number }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Makes of an engine the function that a thread's file exports as its default. */
export function engineThread<Job, Result>(
  engine: (job: Job, onStep: (step: EngineStep) => void) => Result,
): (given: ThreadJob<Job>) => ThreadAnswer<Result> {
  return ({ job, steps }) => {
    const startedAt = performance.now();
    try {
      const result = engine(job, (step) => steps.postMessage(step));
      return { kind: 'done', result, engineMs: Math.round(performance.now() - startedAt) };
    } catch (error) {
      return { kind: 'failed', failure: failureOf(error) };
    } finally {
      steps.close();
    }
  };
}
