import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { RoleSettings } from './roles/role.js';

export type Role = 'bare-publisher' | 'bare-consumer' | 'warren-publisher' | 'warren-worker';

const report = z.object({
  ready: z.boolean().optional(),
  startedAt: z.number().optional(),
  publishedAt: z.number().optional(),
  doneAt: z.number().optional(),
  sentAt: z.number().optional(),
  handledAt: z.number().optional(),
  heapUsed: z.number().optional(),
});
export type Report = z.infer<typeof report>;

/** A process of a measurement. */
export interface RoleProcess {
  /** The next report that has this field. */
  next(field: keyof Report): Promise<number>;
  tell(): void;
  /** Lets it end, and waits for it. */
  end(): Promise<void>;
}

/** Starts it and waits until it is ready. */
export async function startRole(role: Role, settings: RoleSettings): Promise<RoleProcess> {
  const child = fork(fileURLToPath(new URL(`./roles/${role}.js`, import.meta.url)), [JSON.stringify(settings)], {
    execArgv: ['--expose-gc', ...profileFlags()],
  });
  const waiting = new Map<keyof Report, (value: number) => void>();
  const early = new Map<keyof Report, number[]>();
  const exited = once(child, 'exit');
  child.on('message', (message) => {
    for (const [field, value] of Object.entries(report.parse(message))) {
      const key = report.keyof().parse(field);
      const resolve = waiting.get(key);
      waiting.delete(key);
      if (resolve) resolve(Number(value));
      else early.set(key, [...(early.get(key) ?? []), Number(value)]);
    }
  });
  const failed = exited.then(([code]) => {
    throw new Error(`${role} ended with ${code} in the middle of a measurement`);
  });
  failed.catch(() => undefined);
  const next = (field: keyof Report): Promise<number> => {
    const known = early.get(field)?.shift();
    if (known !== undefined) return Promise.resolve(known);
    return Promise.race([failed, new Promise<number>((resolve) => waiting.set(field, resolve))]);
  };
  await next('ready');
  return {
    next,
    tell: () => void child.send({}),
    async end() {
      child.send({});
      await exited;
    },
  };
}

/** `WARREN_BENCH_PROFILES`: a folder for a CPU profile of each process. */
function profileFlags(): readonly string[] {
  const folder = process.env.WARREN_BENCH_PROFILES;
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}
