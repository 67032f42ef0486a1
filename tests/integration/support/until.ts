import { setTimeout as wait } from 'node:timers/promises';

/** Resolves when the condition holds, for what tells of itself by no event. Rejects when it doesn't within half a minute. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`never came true: ${condition}`);
    await wait(5);
  }
}
