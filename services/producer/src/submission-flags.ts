import { formatRoughly, formatTime, parseDuration, readMoment, UsageError } from '@warren/cli';
import { classPriority, maxPriority, maxScheduleMs, priorityClasses, type SubmissionOptions } from '@warren/tasks';
import { z } from 'zod';

/** Flags of `task submit` that say how a task is treated, as the command line gives them. */
export const optionFlags = z.object({
  priority: z.string().optional(),
  delay: z.string().optional(),
  expires: z.string().optional(),
  deadline: z.string().optional(),
  idempotencyKey: z.string().optional(),
  tenant: z.string().optional(),
  group: z.string().optional(),
  entity: z.array(z.string()).optional(),
  correlationId: z.string().optional(),
});

export type OptionFlags = z.infer<typeof optionFlags>;

/** Which flag stands for a field of a submission, for errors. */
export const flagOfField: Readonly<Record<string, string>> = {
  type: '<type>',
  task_id: '--id',
  idempotency_key: '--idempotency-key',
  priority: '--priority',
  delayMs: '--delay',
  expiresMs: '--expires',
  deadline: '--deadline',
  idempotencyKey: '--idempotency-key',
  tenant: '--tenant',
  group: '--group',
  entities: '--entity',
  correlationId: '--correlation-id',
};

/** Reads the flags. Throws a UsageError that names the flag. `now` is in epoch milliseconds. */
export function readOptionFlags(flags: OptionFlags, now: number): SubmissionOptions {
  const delayMs = flags.delay === undefined ? undefined : readWait(flags.delay, '--delay', 0);
  const given = {
    priority: flags.priority === undefined ? undefined : readPriority(flags.priority),
    delayMs,
    expiresMs: flags.expires === undefined ? undefined : readWait(flags.expires, '--expires', 1),
    deadline: flags.deadline === undefined ? undefined : readDeadline(flags.deadline, now, delayMs ?? 0),
    idempotencyKey: flags.idempotencyKey,
    tenant: flags.tenant,
    group: flags.group,
    entities: flags.entity,
    correlationId: flags.correlationId,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** A duration of at least `minMs` milliseconds, and no longer than any task may wait. */
function readWait(text: string, flag: string, minMs: number): number {
  const ms = parseDuration(text, flag);
  if (ms >= minMs && ms <= maxScheduleMs) return ms;
  const bound = ms < minMs ? 'more than 0' : `at most ${formatRoughly(maxScheduleMs)}`;
  throw new UsageError(`${flag}: "${text}" has to be ${bound}`, { field: flag });
}

function readPriority(text: string): number {
  const named = priorityClasses.find((name) => name === text.toLowerCase());
  if (named !== undefined) return classPriority[named];
  if (/^\d$/.test(text) && Number(text) <= maxPriority) return Number(text);
  throw new UsageError(`--priority: "${text}" is neither a number from 0 to ${maxPriority} nor a class`, {
    field: '--priority',
    next: `write ${priorityClasses.join(', ')}, or a number (higher is sooner)`,
  });
}

/** An instant (ISO 8601), or a duration from now. */
function readDeadline(text: string, now: number, delayMs: number): number {
  const deadline = readMoment(text, (duration) => now + duration);
  if (deadline === undefined) {
    throw new UsageError(`--deadline: "${text}" is neither a time nor a duration`, {
      field: '--deadline',
      next: 'write it as 2030-01-31T18:00:00Z, or as a duration from now: 2h, 1h30m, 7d',
    });
  }
  assertTimeLeft({ deadline, delayMs }, { deadline: '--deadline', delayMs: '--delay' }, now);
  return deadline;
}

/**
 * Throws a UsageError where the deadline leaves the task no time: who submits can still correct it. A message of queue
 * `submitted` has nobody to tell, and its task ends as expired.
 * @param names of the two, as they were given.
 */
export function assertTimeLeft(
  { deadline, delayMs = 0 }: Pick<SubmissionOptions, 'deadline' | 'delayMs'>,
  names: { readonly deadline: string; readonly delayMs: string },
  now: number,
): void {
  if (deadline === undefined || deadline > now + delayMs) return;
  const [what, next] =
    deadline <= now
      ? [`${formatTime(deadline)} has passed`, 'set one that is still to come, or leave it out']
      : [`it passes before ${names.delayMs} lets the task start`, 'set it later, or the delay shorter'];
  throw new UsageError(`${names.deadline}: ${what}`, { field: names.deadline, next });
}
