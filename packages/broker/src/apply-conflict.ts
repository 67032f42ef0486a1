import { type ArgumentDifference, differences, type Exchange, type Queue } from '@warren/topology';
import type { ManagementClient } from './management.js';
import { ManagementError } from './management-request.js';

export type Declared =
  | { readonly kind: 'queue'; readonly wanted: Queue }
  | { readonly kind: 'exchange'; readonly wanted: Exchange };

/** The virtual host that is declared in. */
export interface DeclaredIn {
  readonly vhost: string;
  readonly management: ManagementClient;
  /** On a node that Warren runs by itself: the system's rabbitmqctl does not reach it. */
  readonly isPrivate: boolean;
}

/** A queue or an exchange of this name exists with other settings, which the broker does not change by itself. */
export class TopologyConflictError extends Error {
  override readonly name = 'TopologyConflictError';
  readonly kind: 'queue' | 'exchange';
  readonly object: string;
  /** Empty when the management API could not be asked; the message then holds the broker's own words. */
  readonly differences: readonly ArgumentDifference[];
  /** How to be rid of it. */
  readonly next: string;

  constructor(
    declared: Declared,
    where: Pick<DeclaredIn, 'vhost' | 'isPrivate'>,
    differences: readonly ArgumentDifference[],
    brokerSaid: string,
  ) {
    super(conflictMessage(declared, where.vhost, differences, brokerSaid));
    this.kind = declared.kind;
    this.object = declared.wanted.name;
    this.differences = differences;
    this.next = whatToDo(declared, where);
  }
}

/** What the broker refused with PRECONDITION_FAILED, compared with what it has, where the management API answers. */
export async function conflictOf(
  declared: Declared,
  where: DeclaredIn,
  brokerSaid: string,
): Promise<TopologyConflictError> {
  try {
    return new TopologyConflictError(declared, where, await differencesOn(where, declared), brokerSaid);
  } catch {
    return new TopologyConflictError(declared, where, [], brokerSaid);
  }
}

/**
 * A conflict that the broker does not see: it leaves the arguments of an exchange of a plugin's type to the plugin, which
 * does not compare them. Nothing is found where the management API does not answer.
 */
export async function unseenConflict(
  declared: Declared,
  where: DeclaredIn,
): Promise<TopologyConflictError | undefined> {
  const found = await differencesOn(where, declared).catch((error: unknown) => {
    if (error instanceof ManagementError) return [];
    throw error;
  });
  return found.length === 0 ? undefined : new TopologyConflictError(declared, where, found, '');
}

async function differencesOn(
  { management, vhost }: Pick<DeclaredIn, 'management' | 'vhost'>,
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
  return `${kind} "${name}" in vhost "${vhost}" exists with other settings, which the broker can't change: ${what}`;
}

function whatToDo({ kind, wanted: { name } }: Declared, { vhost, isPrivate }: { vhost: string; isPrivate: boolean }) {
  const inUi = 'delete it in the management UI ("warren broker ui" says where that is)';
  switch (kind) {
    case 'queue': {
      const byHand = isPrivate ? '' : `, or on its host with \`rabbitmqctl delete_queue --vhost ${vhost} ${name}\``;
      return `let the queue run empty, ${inUi}${byHand}, then apply again`;
    }
    case 'exchange':
      return `stop what publishes to it, ${inUi}, then apply again`;
    default:
      return kind satisfies never;
  }
}

function shown(value: unknown): string {
  return value === null ? 'not set' : JSON.stringify(value);
}
