import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** One process of the stack. */
export interface ServicePlan {
  /** The service's folder name below `services/`. */
  readonly name: string;
  /** Counts from 1 among the service's replicas. */
  readonly replica: number;
  /** The compiled program that Node runs. */
  readonly main: string;
}

/** What a service's package.json says about itself. Without `warren.service` it is no part of the stack. */
const manifest = z.object({
  warren: z
    .object({ service: z.object({ replicas: z.number().int().min(0).max(100).default(1) }).optional() })
    .optional(),
});

/** Every process that the services below `services/` ask for, in alphabetical order. */
export function planServices(projectRoot: string): ServicePlan[] {
  const services = join(projectRoot, 'services');
  if (!existsSync(services)) return [];
  return readdirSync(services)
    .toSorted()
    .flatMap((name) =>
      Array.from({ length: replicasOf(join(services, name, 'package.json')) }, (_, index) => ({
        name,
        replica: index + 1,
        main: join(services, name, 'dist', 'main.js'),
      })),
    );
}

/** Also the worker's name in logs and in the ledger, and its log file's. */
export function processName({ name, replica }: Pick<ServicePlan, 'name' | 'replica'>): string {
  return `${name}-${replica}`;
}

function replicasOf(file: string): number {
  if (!existsSync(file)) return 0;
  const parsed = manifest.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw new Error(`${file}: "warren.service" is wrong: ${z.prettifyError(parsed.error)}`);
  return parsed.data.warren?.service?.replicas ?? 0;
}
