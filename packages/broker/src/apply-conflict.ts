import type { Exchange, Queue } from '@warren/topology';
import type { ManagementClient } from './management.js';
import { ManagementError } from './management-request.js';

/** One argument, as the topology wants it and as the broker has it. Absent: `null`. */
export interface ArgumentDifference {
  readonly argument: string;
  readonly wanted: unknown;
  readonly current: unknown;
}

export type Declared =
  | { readonly kind: 'queue'; readonly wanted: Queue }
  | { readonly kind: 'exchange'; readonly wanted: Exchange };

/** A queue or an exchange of this name exists with other settings, which the broker does not change by itself. */
export class TopologyConflictError extends Error {
  override readonly name = 'TopologyConflictError';
  readonly kind: 'queue' | 'exchange';
  readonly object: string;
  /** Empty when the management API could not be asked; the message then holds the broker's own words. */
  readonly differences: readonly ArgumentDifference[];

  constructor(declared: Declared, vhost: string, differences: readonly ArgumentDifference[], brokerSaid: string) {
    super(conflictMessage(declared, vhost, differences, brokerSaid));
    this.kind = declared.kind;
    this.object = declared.wanted.name;
    this.differences = differences;
  }
}

/** What the broker refused with PRECONDITION_FAILED, compared with what it has, where the management API answers. */
export async function conflictOf(
  declared: Declared,
  vhost: string,
  management: ManagementClient,
  brokerSaid: string,
): Promise<TopologyConflictError> {
  try {
    return new TopologyConflictError(declared, vhost, await differencesOn(management, vhost, declared), brokerSaid);
  } catch {
    return new TopologyConflictError(declared, vhost, [], brokerSaid);
  }
}

/**
 * A conflict that the broker does not see: it leaves the arguments of an exchange of a plugin's type to the plugin, which
 * does not compare them. Nothing is found where the management API does not answer.
 */
export async function unseenConflict(
  declared: Declared,
  vhost: string,
  management: ManagementClient,
): Promise<TopologyConflictError | undefined> {
  const found = await differencesOn(management, vhost, declared).catch((error: unknown) => {
    if (error instanceof ManagementError) return [];
    throw error;
  });
  return found.length === 0 ? undefined : new TopologyConflictError(declared, vhost, found, '');
}

/** Compares everything that a declaration fixes. A number and its text are different: so they are to the broker. */
export function differences(
  wanted: Readonly<Record<string, unknown>>,
  current: Readonly<Record<string, unknown>>,
): ArgumentDifference[] {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(current)])].sort();
  return names
    .map((argument) => ({ argument, wanted: wanted[argument] ?? null, current: current[argument] ?? null }))
    .filter((difference) => difference.wanted !== difference.current);
}

async function differencesOn(
  management: ManagementClient,
  vhost: string,
  { kind, wanted }: Declared,
): Promise<ArgumentDifference[]> {
  if (kind === 'queue') {
    const queue = await management.queue(vhost, wanted.name);
    return queue === undefined
      ? []
      : differences({ durable: true, ...wanted.arguments }, { durable: queue.durable, ...queue.arguments });
  }
  const exchange = await management.exchange(vhost, wanted.name);
  return exchange === undefined
    ? []
    : differences(
        { durable: true, type: wanted.type, ...wanted.arguments },
        { durable: exchange.durable, type: exchange.type, ...exchange.arguments },
      );
}

function conflictMessage(
  { kind, wanted: { name } }: Declared,
  vhost: string,
  found: readonly ArgumentDifference[],
  brokerSaid: string,
): string {
  const what =
    found.length === 0
      ? brokerSaid
      : found
          .map(({ argument, wanted, current }) => `${argument} should be ${shown(wanted)} but is ${shown(current)}`)
          .join('; ');
  return `${kind} "${name}" in vhost "${vhost}" exists with other settings: ${what}. ${whatToDo(kind, name, vhost)}`;
}

function whatToDo(kind: 'queue' | 'exchange', name: string, vhost: string): string {
  switch (kind) {
    case 'queue':
      return `The broker can't change them: let the queue run empty, delete it ("rabbitmqctl delete_queue --vhost ${vhost} ${name}"), then apply again`;
    case 'exchange':
      return `The broker can't change them: stop what publishes to it, delete it in the management UI, then apply again`;
    default:
      return kind satisfies never;
  }
}

function shown(value: unknown): string {
  return value === null ? 'not set' : JSON.stringify(value);
}
