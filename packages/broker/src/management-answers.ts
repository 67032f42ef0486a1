import { z } from 'zod';

/** What Warren reads of the management API's answers; other fields are dropped. */
export const overview = z.object({ rabbitmq_version: z.string(), cluster_name: z.string(), node: z.string() });

export const vhostInfo = z.object({ name: z.string() });

const declaredArguments = z.record(z.string(), z.unknown());

export const policyInfo = z.object({
  name: z.string(),
  pattern: z.string(),
  'apply-to': z.string(),
  priority: z.number(),
  definition: declaredArguments,
});

/** The counts are statistics: they lag behind by up to the broker's collection interval, and are missing in the first one. */
export const queueInfo = z.object({
  name: z.string(),
  durable: z.boolean(),
  auto_delete: z.boolean(),
  arguments: declaredArguments,
  messages_ready: z.number().default(0),
  messages_unacknowledged: z.number().default(0),
  consumers: z.number().default(0),
});

export const queuePolicy = z.object({ name: z.string(), policy: z.string().optional() });

export const exchangeInfo = z.object({
  name: z.string(),
  type: z.string(),
  durable: z.boolean(),
  auto_delete: z.boolean(),
  internal: z.boolean(),
  arguments: declaredArguments,
  /** Given by the delayed-message plugin for its exchanges alone. As it is now, not a statistic. */
  messages_delayed: z.number().default(0),
});

export const bindingInfo = z.object({
  source: z.string(),
  destination: z.string(),
  destination_type: z.enum(['queue', 'exchange']),
  routing_key: z.string(),
  arguments: declaredArguments,
});

export type Overview = z.infer<typeof overview>;
export type PolicyInfo = z.infer<typeof policyInfo>;
export type QueueInfo = z.infer<typeof queueInfo>;
export type ExchangeInfo = z.infer<typeof exchangeInfo>;
export type BindingInfo = z.infer<typeof bindingInfo>;
