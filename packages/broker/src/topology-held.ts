import type { Depth, Held } from '@warren/topology';
import { z } from 'zod';
import { brokerAddress } from './inspect-connection.js';
import { ManagementError, managementAddress, request } from './management-request.js';
import type { FoundBroker } from './topology-context.js';

/** What a virtual host holds, and how much is in its queues, as the management API lists it. */
export interface HeldNow {
  readonly held: Held;
  /** By the queue's name. A queue that the broker has not counted yet has none of anything. */
  readonly depths: ReadonlyMap<string, Depth>;
}

const declared = z.record(z.string(), z.unknown());
const shared = { name: z.string(), durable: z.boolean(), auto_delete: z.boolean(), arguments: declared };

const exchange = z.object({
  ...shared,
  type: z.string(),
  internal: z.boolean(),
  // Of an exchange of the delayed-message plugin alone.
  messages_delayed: z.number().default(0),
});

const queue = z.object({
  ...shared,
  // Null where none applies, or missing, as the broker's version has it.
  policy: z.string().nullish(),
  messages_ready: z.number().default(0),
  messages_unacknowledged: z.number().default(0),
  consumers: z.number().default(0),
});

const binding = z.object({
  source: z.string(),
  destination: z.string(),
  destination_type: z.enum(['queue', 'exchange']),
  routing_key: z.string(),
  arguments: declared,
});

const policy = z.object({
  name: z.string(),
  pattern: z.string(),
  'apply-to': z.string(),
  priority: z.number(),
  definition: declared,
});

/** Rejects with a {@link ManagementError}. */
export async function heldOn({ amqpUrl, managementUrl }: FoundBroker): Promise<HeldNow> {
  const address = managementAddress(amqpUrl, managementUrl);
  const vhost = encodeURIComponent(brokerAddress(amqpUrl).vhost);
  const list = async <T>(kind: string, answer: z.ZodType<T>): Promise<readonly T[]> => {
    const path = `/api/${kind}/${vhost}`;
    const result = z.array(answer).safeParse(await request(address, 'GET', path));
    if (result.success) return result.data;
    const why = `the answer to GET ${path} is not RabbitMQ's (${z.prettifyError(result.error)})`;
    throw new ManagementError('unreachable', undefined, `${why}: correct WARREN_MANAGEMENT_URL`);
  };
  const [exchanges, queues, bindings, policies] = await Promise.all([
    list('exchanges', exchange),
    list('queues', queue),
    list('bindings', binding),
    list('policies', policy),
  ]);
  return {
    held: {
      exchanges: exchanges.map(({ auto_delete: autoDelete, messages_delayed: messages, ...one }) => {
        return { ...one, autoDelete, messages };
      }),
      queues: queues.map(heldQueue),
      bindings: bindings
        .filter(({ source }) => source !== '')
        .map(({ destination_type: destinationKind, routing_key: routingKey, ...one }) => {
          return { ...one, destinationKind, routingKey };
        }),
      policies: policies.map(({ 'apply-to': applyTo, ...one }) => ({ ...one, applyTo })),
    },
    depths: new Map(
      queues.map((one) => [
        one.name,
        { ready: one.messages_ready, unacked: one.messages_unacknowledged, consumers: one.consumers },
      ]),
    ),
  };
}

function heldQueue(one: z.infer<typeof queue>): Held['queues'][number] {
  const { name, durable, auto_delete: autoDelete, arguments: given } = one;
  const messages = one.messages_ready + one.messages_unacknowledged;
  return { name, durable, autoDelete, arguments: given, messages, ...(one.policy ? { policy: one.policy } : {}) };
}
