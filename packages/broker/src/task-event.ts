import type { Task } from '@warren/ledger';
import { taskStates } from '@warren/tasks';
import { z } from 'zod';
import type { TaskEvent } from './events.js';

/** What an event says of its task. It wakes a listener, who asks the ledger for more. */
export const taskEventBody = z.object({
  task_id: z.string(),
  type: z.string(),
  event: z.enum([...taskStates, 'progress']),
  attempt: z.number().int(),
  /** Epoch milliseconds. */
  at: z.number(),
  /** With `progress`: the step. */
  progress: z.object({ message: z.string(), done: z.number().optional(), total: z.number().optional() }).optional(),
});

export type TaskEventBody = z.infer<typeof taskEventBody>;

/** The event that a task is now in its state, or that its run has come a step further. */
export function taskEvent(task: Task, at: number, progress?: TaskEventBody['progress']): TaskEvent {
  const event = progress === undefined ? task.state : 'progress';
  const body: TaskEventBody = {
    task_id: task.id,
    type: task.type,
    event,
    attempt: task.attempt,
    at,
    ...(progress === undefined ? {} : { progress }),
  };
  return { routingKey: `${task.type}.${task.id}.${event}`, body: Buffer.from(JSON.stringify(body)) };
}

/** All events of one task, as a binding key. */
export function eventsOfTask(taskId: string): string {
  return `*.${taskId}.*`;
}
