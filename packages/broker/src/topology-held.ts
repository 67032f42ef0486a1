import type { Held } from '@warren/topology';
import type { ManagementClient } from './management.js';

/** Reads what a virtual host holds. Rejects with a `ManagementError`. */
export async function heldOn(management: ManagementClient, vhost: string): Promise<Held> {
  const [exchanges, queues, bindings, policies, inForce] = await Promise.all([
    management.exchanges(vhost),
    management.queues(vhost),
    management.bindings(vhost),
    management.policies(vhost),
    management.policyByQueue(vhost),
  ]);
  return {
    exchanges: exchanges.map(({ name, type, durable, auto_delete, internal, ...rest }) => ({
      name,
      type,
      durable,
      autoDelete: auto_delete,
      internal,
      arguments: rest.arguments,
      messages: rest.messages_delayed,
    })),
    queues: queues.map(({ name, durable, auto_delete, ...rest }) => {
      const policy = inForce.get(name);
      return {
        name,
        durable,
        autoDelete: auto_delete,
        arguments: rest.arguments,
        messages: rest.messages_ready + rest.messages_unacknowledged,
        ...(policy === undefined ? {} : { policy }),
      };
    }),
    bindings: bindings
      .filter(({ source }) => source !== '')
      .map(({ source, destination, ...rest }) => ({
        source,
        destination,
        destinationKind: rest.destination_type,
        routingKey: rest.routing_key,
        arguments: rest.arguments,
      })),
    policies: policies.map(({ name, pattern, priority, definition, ...rest }) => ({
      name,
      pattern,
      applyTo: rest['apply-to'],
      priority,
      definition,
    })),
  };
}
