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
  broker: brokerAddress
    .extend({
      startedHere: z.boolean(),
      /** Null for a broker that `AMQP_URL` named: nobody here starts it again. */
      node: z
        .object({
          state: z.enum(['ready', 'restarting', 'failed']),
          process: processIdentity.nullable(),
          restarts: z.number().int(),
          log: z.string(),
        })
        .nullable()
        .default(null),
    })
    .nullable(),
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
type NodeRecord = NonNullable<NonNullable<StackRecord['broker']>['node']>;
type ServiceState = StackRecord['services'][number]['state'];

/**
 * What `warren status --json` prints. `lost`: the supervisor is gone without having ended what it started; `degraded`: it
 * was ready, and its broker is down or a service is given up.
 */
export interface StackStatus {
  readonly state: StackRecord['state'] | 'degraded' | 'down' | 'lost';
  readonly supervisor: { readonly pid: number } | null;
  readonly broker: {
    readonly amqpUrl: string;
    readonly managementUrl: string;
    readonly version: string;
    /** The process; `null` for a broker that `AMQP_URL` named to the stack. */
    readonly node: NodeStatus | null;
  } | null;
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

export interface NodeStatus {
  /** `null` while no process runs. */
  readonly pid: number | null;
  readonly state: 'ready' | 'restarting' | 'failed' | 'stopped';
  /** Starts since the first one. */
  readonly restarts: number;
  readonly log: string;
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
  const node = broker?.node ? nodeStatus(broker.node, alive) : null;
  return {
    state: alive ? stackState(record, node) : 'lost',
    supervisor: alive ? { pid: supervisor.pid } : null,
    broker:
      broker === null
        ? null
        : { amqpUrl: broker.amqpUrl, managementUrl: broker.managementUrl, version: broker.version, node },
    delay,
    ledger,
    services: services.map(({ process: identity, ...service }) => {
      const running = identity !== null && isRunning(identity);
      return { ...service, pid: running ? identity.pid : null, state: stateNow(service.state, { running, alive }) };
    }),
  };
}

/** A service that is started again is gone for a moment; one that is given up stays away. */
function stackState(noted: Pick<StackRecord, 'state' | 'services'>, node: NodeStatus | null): StackStatus['state'] {
  if (noted.state !== 'ready') return noted.state;
  const isBrokerDown = node !== null && node.state !== 'ready';
  return isBrokerDown || noted.services.some(({ state }) => state === 'failed') ? 'degraded' : 'ready';
}

function nodeStatus({ process: identity, ...node }: NodeRecord, alive: boolean): NodeStatus {
  const running = identity !== null && isRunning(identity);
  return { ...node, pid: running ? identity.pid : null, state: nodeStateNow(node.state, { running, alive }) };
}

function nodeStateNow(
  noted: NodeRecord['state'],
  { running, alive }: { running: boolean; alive: boolean },
): NodeStatus['state'] {
  if (running) return noted;
  if (!alive) return 'stopped';
  return noted === 'ready' ? 'restarting' : noted;
}

/** The record may be a moment behind: a process that is gone is about to be started again, or nobody is left to do so. */
function stateNow(noted: ServiceState, { running, alive }: { running: boolean; alive: boolean }): ServiceState {
  if (running) return noted;
  if (!alive) return 'stopped';
  return noted === 'ready' ? 'restarting' : noted;
}
