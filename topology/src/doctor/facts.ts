/** Something that was to be found out: it was, or there is a reason why not. */
export type Known<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

/** What a broker and the machine around it say of themselves, at one time: plain data, gathered elsewhere. */
export interface BrokerFacts {
  readonly vhost: string;
  /** Who speaks AMQP: the user of `AMQP_URL`. */
  readonly user: string;
  /** As the broker states it to clients, such as `3.10.8`. */
  readonly version: string;
  /** What `WARREN_DELAY` asks for. */
  readonly delayWanted: 'plugin' | 'ladder' | 'auto';
  /** Whether every node has the delayed-message plugin. */
  readonly delayPlugin: Known<boolean>;
  readonly management: ManagementFact;
  readonly nodes: Known<readonly NodeFact[]>;
  /** Of the virtual host. */
  readonly connections: Known<readonly ConnectionFact[]>;
  readonly channels: Known<readonly ChannelFact[]>;
  readonly consumers: Known<readonly ConsumerFact[]>;
  readonly held: Known<HeldFact>;
  /** Of {@link user} in the virtual host; null: none. */
  readonly permissions: Known<PermissionFact | null>;
  /** Names of deprecated features that the broker saw in use, anywhere in the cluster. */
  readonly deprecatedInUse: Known<readonly string[]>;
  /** The broker's clock minus this machine's, in milliseconds. Exact to about a second. */
  readonly brokerClockAheadMs: Known<number>;
  /** The ledger's clock minus this machine's, in milliseconds; null where the ledger is a file. */
  readonly ledgerClockAheadMs: Known<number | null>;
  /** The broker's own, from its configuration, in milliseconds; null: it has none. What queues and policies say goes before it. */
  readonly consumerTimeoutMs: Known<number | null>;
}

/** `limited`: it answers, but tells this user of its own connections alone. */
export type ManagementFact =
  | { readonly state: 'answers'; readonly user: string }
  | { readonly state: 'limited'; readonly user: string }
  | { readonly state: 'refused' | 'unreachable'; readonly why: string };

export interface NodeFact {
  readonly name: string;
  readonly running: boolean;
  /** Undefined where the node's statistics have not come yet. */
  readonly memoryAlarm: boolean | undefined;
  readonly diskAlarm: boolean | undefined;
  /** From which on the memory alarm is raised, in bytes. */
  readonly memoryLimitBytes: number | undefined;
}

export interface ConnectionFact {
  readonly name: string;
  readonly state: string;
}

export interface ChannelFact {
  readonly name: string;
  /** Set by `basic.qos` with `global=true`; 0: not used. */
  readonly globalPrefetch: number;
}

export interface ConsumerFact {
  readonly queue: string;
  /** 0: unlimited. */
  readonly prefetch: number;
  /** The time in force for it, in milliseconds, from RabbitMQ 3.12 on; undefined: not told. */
  readonly timeoutMs: number | undefined;
}

/** What the virtual host holds, Warren's or not. */
export interface HeldFact {
  readonly exchanges: readonly ExchangeFact[];
  readonly queues: readonly QueueFact[];
  /** Without the default exchange's, which every queue has. */
  readonly bindings: readonly BindingFact[];
  readonly policies: readonly PolicyFact[];
  readonly operatorPolicies: readonly PolicyFact[];
}

export type Settings = Readonly<Record<string, unknown>>;

export interface ExchangeFact {
  readonly name: string;
  readonly type: string;
  readonly arguments: Settings;
}

export interface QueueFact {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly arguments: Settings;
  /** The one policy in force, by name. */
  readonly policy: string | undefined;
  /** As the queue itself counts them now; undefined for a queue that nobody asked. */
  readonly count: { readonly ready: number; readonly consumers: number } | undefined;
}

export interface BindingFact {
  readonly source: string;
  readonly destination: string;
  readonly destinationKind: 'queue' | 'exchange';
  readonly routingKey: string;
}

export interface PolicyFact {
  readonly name: string;
  readonly pattern: string;
  /** `queues`, `classic_queues`, `quorum_queues`, `streams`, `exchanges` or `all`. */
  readonly applyTo: string;
  readonly priority: number;
  readonly definition: Settings;
}

/** Regular expressions over the names of resources. */
export interface PermissionFact {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}
