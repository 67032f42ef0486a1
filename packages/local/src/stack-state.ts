import { z } from 'zod';
import type { LocalFolder } from './local-folder.js';
import { isRunning, processIdentity } from './processes.js';
import { readState } from './state-file.js';
import { endWithinMs } from './supervised-service.js';

const brokerAddress = z.object({ amqpUrl: z.string(), managementUrl: z.string(), version: z.string() });

/** What the supervisor notes about the running stack, so that other processes find it and can end it. */
export const stackRecord = z.object({
  supervisor: processIdentity,
  state: z.enum(['starting', 'ready', 'stopping']),
  /** How long the services may take from SIGTERM to their end, in milliseconds. */
  endWithinMs: z.number().int().default(endWithinMs({})),
  /** Missing until it runs. `startedHere`: the stack started it and stops it. */
  broker: brokerAddress.extend({ startedHere: z.boolean() }).nullable(),
  delay: z.string().nullable(),
  ledger: z.object({ url: z.string() }),
  services: z.array(
    z.object({
      name: z.string(),
      replica: z.number().int(),
      state: z.enum(['starting', 'ready', 'restarting', 'stopping', 'stopped', 'failed']),
      process: processIdentity.nullable(),
      restarts: z.number().int(),
      log: z.string(),
    }),
  ),
});
export type StackRecord = z.infer<typeof stackRecord>;
type ServiceState = StackRecord['services'][number]['state'];

/** What `warren status --json` prints. `lost`: the supervisor is gone without having ended what it started. */
export interface StackStatus {
  readonly state: StackRecord['state'] | 'down' | 'lost';
  readonly supervisor: { readonly pid: number } | null;
  readonly broker: { readonly amqpUrl: string; readonly managementUrl: string; readonly version: string } | null;
  /** How tasks that are not due are held back: `plugin` or `ladder`. */
  readonly delay: string | null;
  readonly ledger: { readonly url: string } | null;
  readonly services: readonly {
    readonly name: string;
    readonly replica: number;
    /** `null` while no process runs. */
    readonly pid: number | null;
    readonly state: ServiceState;
    /** Starts since the first one. */
    readonly restarts: number;
    readonly log: string;
  }[];
}

export function readStack(folder: LocalFolder): StackRecord | undefined {
  return readState(folder.stackFile, stackRecord);
}

export function statusOf(record: StackRecord | undefined): StackStatus {
  if (record === undefined) {
    return { state: 'down', supervisor: null, broker: null, delay: null, ledger: null, services: [] };
  }
  const { supervisor, broker, delay, ledger, services } = record;
  const alive = isRunning(supervisor);
  return {
    state: alive ? record.state : 'lost',
    supervisor: alive ? { pid: supervisor.pid } : null,
    broker:
      broker === null
        ? null
        : { amqpUrl: broker.amqpUrl, managementUrl: broker.managementUrl, version: broker.version },
    delay,
    ledger,
    services: services.map(({ process: identity, ...service }) => {
      const running = identity !== null && isRunning(identity);
      return { ...service, pid: running ? identity.pid : null, state: stateNow(service.state, { running, alive }) };
    }),
  };
}

/** The record may be a moment behind: a process that is gone is about to be started again, or nobody is left to do so. */
function stateNow(noted: ServiceState, { running, alive }: { running: boolean; alive: boolean }): ServiceState {
  if (running) return noted;
  if (!alive) return 'stopped';
  return noted === 'ready' ? 'restarting' : noted;
}
