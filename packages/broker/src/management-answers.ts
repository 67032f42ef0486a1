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

/** A queue as it was declared, without statistics. */
export const queueDeclared = z.object({
  name: z.string(),
  type: z.string().default('classic'),
  durable: z.boolean(),
  exclusive: z.boolean(),
  arguments: declaredArguments,
  policy: z.string().optional(),
});

/** Before 3.9 tags were one text. */
export const whoami = z.object({
  name: z.string(),
  tags: z.union([z.array(z.string()), z.string().transform((text) => text.split(',').filter((tag) => tag !== ''))]),
});

/** A node that does not run, or whose statistics have not come yet, has its name and little else. */
export const nodeInfo = z.object({
  name: z.string(),
  running: z.boolean(),
  os_pid: z.string().optional(),
  mem_alarm: z.boolean().optional(),
  mem_limit: z.number().optional(),
  disk_free_alarm: z.boolean().optional(),
  exchange_types: z.array(z.object({ name: z.string() })).optional(),
  config_files: z.array(z.string()).optional(),
  db_dir: z.string().optional(),
});

export const connectionInfo = z.object({ name: z.string(), state: z.string().default('unknown') });

export const channelInfo = z.object({ name: z.string(), global_prefetch_count: z.number().default(0) });

/** `consumer_timeout` from 3.12 on; where there is none, no number. */
export const consumerInfo = z.object({
  queue: z.object({ name: z.string() }),
  prefetch_count: z.number(),
  consumer_timeout: z.unknown().optional(),
});

export const permissionInfo = z.object({
  vhost: z.string(),
  configure: z.string(),
  write: z.string(),
  read: z.string(),
});

export const featureInfo = z.object({ name: z.string() });

export type Overview = z.infer<typeof overview>;
export type PolicyInfo = z.infer<typeof policyInfo>;
export type QueueInfo = z.infer<typeof queueInfo>;
export type ExchangeInfo = z.infer<typeof exchangeInfo>;
export type BindingInfo = z.infer<typeof bindingInfo>;
export type QueueDeclared = z.infer<typeof queueDeclared>;
export type Whoami = z.infer<typeof whoami>;
export type NodeInfo = z.infer<typeof nodeInfo>;
export type ConnectionInfo = z.infer<typeof connectionInfo>;
export type ChannelInfo = z.infer<typeof channelInfo>;
export type ConsumerInfo = z.infer<typeof consumerInfo>;
export type PermissionInfo = z.infer<typeof permissionInfo>;
