import type { Topology } from '@warren/topology';
import type { BindingInfo } from './management-answers.js';

/** How many parts of a topology are meant. */
export interface TopologyCount {
  readonly exchanges: number;
  readonly queues: number;
  readonly bindings: number;
}

/** What a virtual host has, as the management API lists it. */
export interface Holdings {
  readonly exchanges: readonly { readonly name: string }[];
  readonly queues: readonly { readonly name: string }[];
  readonly bindings: readonly BindingInfo[];
}

/** What of a topology is not there yet, by name: settings are not compared. Pure. */
export function missingFrom(held: Holdings, topology: Topology): TopologyCount {
  const exchanges = new Set(held.exchanges.map(({ name }) => name));
  const queues = new Set(held.queues.map(({ name }) => name));
  const bindings = new Set(
    held.bindings.map((one) => keyOf([one.source, one.destination_type, one.destination, one.routing_key])),
  );
  return {
    exchanges: topology.exchanges.filter(({ name }) => !exchanges.has(name)).length,
    queues: topology.queues.filter(({ name }) => !queues.has(name)).length,
    bindings: topology.bindings.filter(
      (one) => !bindings.has(keyOf([one.source, one.destinationKind, one.destination, one.routingKey])),
    ).length,
  };
}

function keyOf(parts: readonly string[]): string {
  return JSON.stringify(parts);
}
