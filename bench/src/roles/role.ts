import { queueProfiles } from '@warren/topology';
import { z } from 'zod';

/** What a process of a measurement is told, as the JSON of its first argument. */
const roleSettings = z.object({
  amqpUrl: z.string(),
  ledgerUrl: z.string(),
  queue: z.string(),
  count: z.number().int(),
  /** Wait for each task before the next is published. */
  oneByOne: z.boolean(),
  profile: z.enum(queueProfiles).default('classic'),
  /** The bare client sends what Warren sends (its headers, by its exchange), and an event for each task that is done. */
  dressed: z.boolean().default(false),
  /** Collect garbage at each of these tasks and tell the heap's size. */
  heapAt: z.array(z.number().int()).default([]),
});
export type RoleSettings = z.input<typeof roleSettings>;

export function readRoleSettings(): z.output<typeof roleSettings> {
  return roleSettings.parse(JSON.parse(process.argv[2] ?? '{}'));
}

/** Milliseconds of a clock that all processes of this machine share. */
export function clock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function tell(message: unknown): void {
  process.send?.(message);
}

/** After a forced collection, where the process was started with `--expose-gc`. */
export function tellHeap(): void {
  globalThis.gc?.();
  tell({ heapUsed: process.memoryUsage().heapUsed });
}

/** Resolves with the next message of the process that started this one. */
export function told(): Promise<unknown> {
  return new Promise((resolve) => process.once('message', resolve));
}

/** Runs `work` for 0 … count-1, at most `window` at the same time. */
export async function inWindow(count: number, window: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(window, count) }, lane));
}
