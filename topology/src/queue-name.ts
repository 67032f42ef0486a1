import { type PriorityClass, priorityClasses } from '@warren/tasks';
import { queueNames, workQueue } from './names.js';

/**
 * What the name of a queue of Warren's says: `tasks.<type>[.<class>][.g<generation>]`, or a shared queue's name in place of
 * the first two words.
 */
export interface QueueName {
  /** What its consumers do: `tasks.<type>`, or the name of a shared queue. Several queues may have one role. */
  readonly role: string;
  /** The priority class whose tasks it takes; null: all of them. */
  readonly lane: PriorityClass | null;
  /**
   * Which in a row of queues of this role and lane, from 1, which the name leaves out. The broker can't change what a queue
   * was declared with: a changed one is the next generation, beside which the one before drains.
   */
  readonly generation: number;
}

/** The queue's name. */
export function queueNameOf({ role, lane, generation }: QueueName): string {
  return [role, ...(lane === null ? [] : [lane]), ...(generation === 1 ? [] : [`g${generation}`])].join('.');
}

/** Undefined for a queue that is not Warren's, and for the levels of a delay ladder, whose shape is their name. */
export function readQueueName(name: string): QueueName | undefined {
  const [, base = name, digits] = /^(.*)\.g([1-9]\d{0,8})$/.exec(name) ?? [];
  const generation = digits === undefined ? 1 : Number(digits);
  // Written as `queueNameOf` writes it, or it is somebody else's.
  if (digits !== undefined && generation === 1) return undefined;
  if (Object.values<string>(queueNames).includes(base)) return { role: base, lane: null, generation };
  const [, role, laneName] = /^(tasks\.[a-z][a-z0-9-]*)(?:\.([a-z]+))?$/.exec(base) ?? [];
  if (role === undefined) return undefined;
  if (laneName === undefined) return { role, lane: null, generation };
  const lane = priorityClasses.find((one) => one === laneName);
  return lane === undefined ? undefined : { role, lane, generation };
}

/** A regular expression, in the broker's dialect and in this one's, for every queue of a role. */
export function rolePattern(role: string): string {
  return `^${role.replaceAll('.', '\\.')}(\\.(${priorityClasses.join('|')}))?(\\.g[0-9]+)?$`;
}

/** The task type whose work the role is; undefined for a shared queue's. */
export function typeOfRole(role: string): string | undefined {
  const prefix = workQueue('');
  return role.startsWith(prefix) ? role.slice(prefix.length) : undefined;
}
