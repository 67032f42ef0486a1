import { setTimeout as wait } from 'node:timers/promises';

/** Resolves when the condition holds, for what tells of itself by no event. The test's own timeout is its bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await wait(5);
}
