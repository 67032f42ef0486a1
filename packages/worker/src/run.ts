import { type Delivery, type EventPublisher, taskEvent } from '@warren/broker';
import type { Ledger, Task } from '@warren/ledger';
import type { Failure, TaskPolicy } from '@warren/tasks';
import { Stopped } from './handle.js';
import type { Progress } from './handler.js';

/** What surrounds a handler while it runs: its deadline, its lease, the loss of its delivery, its progress. */
export interface Running {
  /** Aborted with `Stopped`: at the deadline, when the lease or the delivery is lost, when the worker must stop. */
  readonly signal: AbortSignal;
  readonly deadlineAt: number;
  readonly onProgress: (progress: Progress) => void;
  /** The handler is done: no more renewals. */
  end(): void;
}

interface RunParts {
  readonly ledger: Pick<Ledger, 'renew' | 'progress'>;
  readonly events: Pick<EventPublisher, 'publish'>;
  /** Aborted when the worker's time to drain is over. */
  readonly stop: AbortSignal;
  readonly now: () => number;
  readonly type: { readonly policy: Pick<TaskPolicy, 'attemptTimeoutMs' | 'leaseMs'> };
}

/** Longest progress message that is kept, in characters. */
const maxProgressChars = 500;

export function startRun(task: Task, delivery: Pick<Delivery, 'lost'>, parts: RunParts): Running {
  const { attemptTimeoutMs, leaseMs } = parts.type.policy;
  const controller = new AbortController();
  const interrupt = (why: string) => controller.abort(new Stopped({ kind: 'interrupted', why }));

  const deadlineAt = Math.min(parts.now() + attemptTimeoutMs, task.deadlineAt ?? Number.POSITIVE_INFINITY);
  const timeout = setTimeout(
    () =>
      controller.abort(new Stopped({ kind: 'timeout', failure: timeoutFailure(task, deadlineAt, attemptTimeoutMs) })),
    Math.max(0, deadlineAt - parts.now()),
  );
  const renewal = setInterval(() => void renew(), leaseMs / 3);
  const onLost = () => interrupt('the connection to the broker was lost, so the task goes to another worker');
  const onStop = () => interrupt('the worker stops');
  delivery.lost.addEventListener('abort', onLost, { once: true });
  parts.stop.addEventListener('abort', onStop, { once: true });
  if (delivery.lost.aborted) onLost();
  if (parts.stop.aborted) onStop();
  const progress = createProgressWriter(task, parts);

  return {
    signal: controller.signal,
    deadlineAt,
    onProgress: progress,
    end() {
      clearTimeout(timeout);
      clearInterval(renewal);
      delivery.lost.removeEventListener('abort', onLost);
      parts.stop.removeEventListener('abort', onStop);
    },
  };

  /** While the ledger is away the lease may run out unrenewed; nobody else can claim it then either. */
  async function renew(): Promise<void> {
    try {
      const answer = await parts.ledger.renew(task.id, { token: task.token, now: parts.now(), leaseMs });
      if (answer.kind === 'refused') interrupt('the task was taken over or cancelled');
    } catch {
      // The next renewal tries again.
    }
  }
}

/** The task's own deadline is nobody's transient trouble: it has expired. */
function timeoutFailure(task: Task, deadlineAt: number, attemptTimeoutMs: number): Failure {
  return deadlineAt === task.deadlineAt
    ? { code: 'expired', message: 'the task reached its deadline while it was worked' }
    : { code: 'timeout', message: `the attempt took longer than ${attemptTimeoutMs} ms` };
}

/** Writes the newest step and skips those that came while the one before was being written. */
function createProgressWriter(task: Task, { ledger, events, now }: RunParts): (progress: Progress) => void {
  let writing = false;
  let next: Progress | undefined;

  return (progress) => {
    const step = keptStep(progress);
    events.publish(taskEvent(task, now(), step));
    next = step;
    if (!writing) void write();
  };

  async function write(): Promise<void> {
    writing = true;
    try {
      while (next) {
        const step = next;
        next = undefined;
        await ledger.progress(task.id, { token: task.token, now: now(), progress: JSON.stringify(step) });
      }
    } catch {
      // Progress is for people who wait; the outcome is what counts.
    } finally {
      writing = false;
    }
  }
}

/** A handler may be plain JavaScript: whatever it says is a step, and a step fails no attempt. */
function keptStep(step: Progress): Progress {
  const { done, message, total }: Partial<Progress> = step ?? {};
  return {
    message: (typeof message === 'string' ? message : 'a step without a message').slice(0, maxProgressChars),
    ...(Number.isFinite(done) && done !== undefined ? { done } : {}),
    ...(Number.isFinite(total) && total !== undefined ? { total } : {}),
  };
}
