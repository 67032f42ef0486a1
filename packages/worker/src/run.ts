import { type Delivery, type EventPublisher, taskEvent } from '@warren/broker';
import type { Ledger, Task } from '@warren/ledger';
import type { Failure, TaskPolicy } from '@warren/tasks';
import type { Progress } from './handler.js';
import type { RunStop, Runs } from './run-stop.js';

/** What surrounds a handler while it runs: its deadline, its lease, the loss of its delivery, its progress. */
export interface Running {
  /** Told at the deadline, when the lease or the delivery is lost, when the worker must stop. */
  readonly stop: RunStop;
  readonly deadlineAt: number;
  readonly onProgress: (progress: Progress) => void;
  /** The handler is done: no more renewals. */
  end(): void;
}

interface RunParts {
  readonly ledger: Pick<Ledger, 'renew' | 'progress'>;
  readonly events: Pick<EventPublisher, 'publish'>;
  readonly runs: Runs;
  readonly now: () => number;
  readonly type: { readonly policy: Pick<TaskPolicy, 'attemptTimeoutMs' | 'leaseMs'> };
}

/** Longest progress message that is kept, in characters. */
const maxProgressChars = 500;

export function startRun(task: Task, delivery: Pick<Delivery, 'onLost'>, parts: RunParts): Running {
  const { attemptTimeoutMs, leaseMs } = parts.type.policy;
  const stop = parts.runs.begin();
  delivery.onLost(() => interrupt('the connection to the broker was lost, so the task goes to another worker'));
  const deadlineAt = Math.min(parts.now() + attemptTimeoutMs, task.deadlineAt ?? Number.POSITIVE_INFINITY);
  const timeout = setTimeout(
    () => stop.stop({ kind: 'timeout', failure: timeoutFailure(task, deadlineAt, attemptTimeoutMs) }),
    Math.max(0, deadlineAt - parts.now()),
  );
  const renewal = setInterval(() => void renew(), leaseMs / 3);
  const progress = createProgressWriter(task, parts);

  return {
    stop,
    deadlineAt,
    onProgress: progress,
    end() {
      clearTimeout(timeout);
      clearInterval(renewal);
      parts.runs.end(stop);
    },
  };

  function interrupt(why: string): void {
    stop.stop({ kind: 'interrupted', why });
  }

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
