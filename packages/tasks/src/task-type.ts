import type { z } from 'zod';
import { defaultPolicy, largestBodyBytes, maxAttemptTimeoutMs, type TaskPolicy } from './policy.js';

/** One kind of work: what it takes, what it gives, how it is treated. */
export interface TaskType<Input = unknown, Result = unknown> {
  /** The routing word, the queue's suffix and `task_type` in a message. Lower-case words joined by hyphens. */
  readonly name: string;
  /** One line for people: help texts, documentation. */
  readonly summary: string;
  readonly input: z.ZodType<Input>;
  readonly result: z.ZodType<Result>;
  readonly policy: TaskPolicy;
}

/** Largest result that is stored, in bytes of JSON. A larger one belongs in a store of its own, by reference. */
export const maxResultBytes = 1024 * 1024;

/** `0` and `1` are digits of the delay ladder's routing keys and so can't begin a name; a dot would split the key. */
const namePattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** Declares a task type; what its policy leaves out is taken from `defaultPolicy`. Throws on a name that can't be routed and on a policy out of bounds. */
export function defineTaskType<Input, Result>(definition: {
  name: string;
  summary: string;
  input: z.ZodType<Input>;
  result: z.ZodType<Result>;
  policy?: Partial<TaskPolicy>;
}): TaskType<Input, Result> {
  if (!namePattern.test(definition.name) || definition.name.length > 64) {
    throw new Error(
      `task type name "${definition.name}" can't be a routing word: use up to 64 lower-case letters, digits and single hyphens, a letter first`,
    );
  }
  const policy = { ...defaultPolicy, ...definition.policy };
  checkBound(definition.name, 'attemptTimeoutMs', policy.attemptTimeoutMs, maxAttemptTimeoutMs);
  checkBound(definition.name, 'maxBodyBytes', policy.maxBodyBytes, largestBodyBytes);
  return { ...definition, policy };
}

function checkBound(type: string, setting: keyof TaskPolicy, value: number, limit: number): void {
  if (value > limit) throw new Error(`task type "${type}": policy ${setting} is ${value}; at most ${limit}`);
}
