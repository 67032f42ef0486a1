import { parseDuration, UsageError } from '@warren/cli';
import { classPriority, maxPriority, priorityClasses, type SubmissionOptions } from '@warren/tasks';
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
  const delayMs = flags.delay === undefined ? undefined : parseDuration(flags.delay, '--delay');
  const given = {
    priority: flags.priority === undefined ? undefined : readPriority(flags.priority),
    delayMs,
    expiresMs: flags.expires === undefined ? undefined : parseDuration(flags.expires, '--expires'),
    deadline: flags.deadline === undefined ? undefined : readDeadline(flags.deadline, now, delayMs ?? 0),
    idempotencyKey: flags.idempotencyKey,
    tenant: flags.tenant,
    group: flags.group,
    entities: flags.entity,
    correlationId: flags.correlationId,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
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
  const deadline = /^\d{4}-/.test(text) ? Date.parse(text) : now + parseDeadlineDuration(text);
  if (Number.isNaN(deadline)) {
    throw new UsageError(`--deadline: "${text}" is not a time`, {
      field: '--deadline',
      next: 'write it as 2030-01-31T18:00:00Z, or as a duration from now: 2h',
    });
  }
  if (deadline <= now) {
    throw new UsageError(`--deadline: ${new Date(deadline).toISOString()} has passed`, { field: '--deadline' });
  }
  if (deadline <= now + delayMs) {
    throw new UsageError('--deadline: it passes before --delay lets the task start', {
      field: '--deadline',
      next: 'set it later, or the delay shorter',
    });
  }
  return deadline;
}

function parseDeadlineDuration(text: string): number {
  try {
    return parseDuration(text, '--deadline');
  } catch {
    return Number.NaN;
  }
}
