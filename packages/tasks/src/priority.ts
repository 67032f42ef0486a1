/** The three classes of urgency. A class is the second word of a routing key and, with quorum queues, a lane. */
export const priorityClasses = ['high', 'normal', 'low'] as const;

export type PriorityClass = (typeof priorityClasses)[number];

/** The AMQP `priority` that a class stands for. */
export const classPriority: Readonly<Record<PriorityClass, number>> = { low: 2, normal: 5, high: 8 };

/** The highest priority that a message may carry; also `x-max-priority` of a classic queue. */
export const maxPriority = 9;

/** 0-3 is `low`, 4-6 `normal`, 7-9 `high`. */
export function classOf(priority: number): PriorityClass {
  if (priority <= 3) return 'low';
  return priority <= 6 ? 'normal' : 'high';
}
