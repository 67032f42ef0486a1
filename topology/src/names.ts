import type { PriorityClass } from '@warren/tasks';

export const exchangeNames = {
  submit: 'submit',
  tasks: 'tasks',
  dead: 'dead',
  delayed: 'delayed',
  events: 'events',
  unroutable: 'unroutable',
} as const;

export const queueNames = {
  submitted: 'submitted',
  deadLetters: 'dead-letters',
  unroutable: 'unroutable',
} as const;

/** Read by the delayed-message plugin: milliseconds. Depending on its version it comes back as it was, or negated. */
export const delayHeader = 'x-delay';

/** What the workers of one task type consume: one queue of this name, or several whose names begin with it. */
export function workQueue(type: string): string {
  return `tasks.${type}`;
}

/** The key under which a task is published to exchange `tasks`, directly or after a delay. */
export function routingKey(type: string, priorityClass: PriorityClass): string {
  return `${type}.${priorityClass}`;
}

/** The key of a letter that the broker itself wrote: its message expired in the type's work queue, or was rejected there. */
export function brokerLetterKey(type: string): string {
  return `${type}.broker`;
}

/**
 * The key of a letter that the broker wrote about a submission: it expired in queue `submitted` before it was taken in.
 * No task type begins with an underscore, so no other letter has it; and the queue sets it, so no sender can avoid it.
 */
export const submittedLetterKey = '_submitted.broker';
