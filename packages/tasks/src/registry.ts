import { research } from './research.js';
import { summarize } from './summarize.js';
import type { TaskType } from './task-type.js';

/** Every task type there is. A new one is added here and nowhere else; the topology is derived from this list. */
export const taskTypes: readonly TaskType[] = [summarize, research];

export function findTaskType(name: string, types: readonly TaskType[] = taskTypes): TaskType | undefined {
  return types.find((type) => type.name === name);
}
