import * as registry from './registry.js';
import type { TaskType } from './task-type.js';

/** Every task type there is, in the same order every time. */
export const taskTypes: readonly TaskType[] = Object.values<TaskType>(registry);

export function findTaskType(name: string, types: readonly TaskType[] = taskTypes): TaskType | undefined {
  return types.find((type) => type.name === name);
}
