import { EventEmitter } from 'node:events';
import { AmqpConnectionManagerClass } from 'amqp-connection-manager';
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib';
import type { Logger } from 'pino';
import { type ChannelOwner, type OpenedChannel, RecurringChannel } from './connection-channel.js';
import { surviveDeepHeaders } from './connection-deep-headers.js';
import { callEach } from './connection-emit.js';
import { endConnection, freeSocketAtEnd, writeInOnePiece } from './connection-socket.js';
import { tlsOptionsOf } from './connection-tls.js';
import { addressOf, brokerUrls } from './connection-urls.js';
import { BrokerUnreachableError, messageOf } from './exception.js';
import { type Backoff, createBackoff, defaultReconnectPolicy, type ReconnectPolicy } from './reconnect-backoff.js';
import { connectionProblem } from './tls-problem.js';

export interface ConnectBrokerOptions {
  /**
   * `amqp://user:password@host:port/vhost`; several, or several hosts in one, joined by commas. `amqps://` with the
   * parameters `cacertfile`, `certfile` and `keyfile` of RabbitMQ's own clients; without a password the certificate logs in.
   */
  readonly urls: string | readonly string[];
  /** Shown in the management UI's list of connections: service and process. */
  readonly name: string;
  readonly log: Logger;
  /** Both sides beat at half of this; a peer silent for two to three times as long is given up. Default 10; 0 turns heartbeats off. A URL's own `heartbeat=` wins. */
  readonly heartbeatSeconds?: number;
  /** How long `connectBroker` tries before it rejects. Default 15,000. */
  readonly connectTimeoutMs?: number;
  /** How long connection.close and channel.close may go unanswered before they are forced. Default 2,000. */
  readonly closeGraceMs?: number;
  /** Default {@link defaultReconnectPolicy}. */
  readonly reconnect?: ReconnectPolicy;
  /** Numbers in [0, 1) for jitter and the order of hosts. */
  readonly random?: () => number;
  /** Milliseconds on a clock that never runs backwards. */
  readonly now?: () => number;
}

export const connectionDefaults = {
  heartbeatSeconds: 10,
  connectTimeoutMs: 15_000,
  closeGraceMs: 2_000,
} as const;

/** One attempt on one host, from the first packet to connection.open-ok, in milliseconds. */
const attemptTimeoutMs = 5_000;

/** A listener that throws is logged; the others are called. */
export interface ConnectionEvents {
  /** connection.open-ok. Comes again after each reconnect. */
  connected: [at: { readonly address: string }];
  /** The connection is lost; the next attempt is on its way. */
  disconnected: [why: { readonly reason: string }];
  /** connection.blocked: the broker takes no publishes (memory or disk alarm). Sent to connections that have published. */
  blocked: [why: { readonly reason: string }];
  unblocked: [];
  /** By us, for good. */
  closed: [];
}

/** A connection that comes back until it is closed. */
export interface BrokerConnection {
  readonly name: string;
  readonly events: EventEmitter<ConnectionEvents>;
  readonly connected: boolean;
  /** What the broker said when it blocked this connection; undefined while it takes publishes. */
  readonly blockedReason: string | undefined;
  /** A channel that comes back, for this room's own publishers and consumers. */
  openChannel(owner: ChannelOwner<Channel>): OpenedChannel;
  openConfirmChannel(owner: ChannelOwner<ConfirmChannel>): OpenedChannel;
  /** Gives up the present connection, if there is one, and opens another. */
  reconnect(reason: string): void;
  /** Unsettled deliveries return to their queues, unconfirmed publishes fail as `closed`. Calling it again waits for the same end. */
  close(): Promise<void>;
}

/**
 * Connects to RabbitMQ and stays connected. Rejects with `BrokerUrlError` for a URL that is none and with
 * `BrokerUnreachableError` when nothing answers within `connectTimeoutMs`, or at once when credentials are refused.
 */
export async function connectBroker(options: ConnectBrokerOptions): Promise<BrokerConnection> {
  const connection = new ManagedConnection(options);
  try {
    await connection.firstConnect(options.connectTimeoutMs ?? connectionDefaults.connectTimeoutMs);
  } catch (error) {
    // An attempt in progress ends by itself; the caller need not wait for it.
    void connection.close();
    throw error;
  }
  return connection;
}

class ManagedConnection implements BrokerConnection {
  readonly name: string;
  readonly events = new EventEmitter<ConnectionEvents>();
  readonly #options: ConnectBrokerOptions;
  readonly #log: Logger;
  readonly #manager: AmqpConnectionManagerClass;
  readonly #backoff: Backoff;
  readonly #channels = new Set<RecurringChannel<Channel> | RecurringChannel<ConfirmChannel>>();
  /** Address to what last went wrong there. */
  readonly #refusals: Map<string, string>;
  #model: ChannelModel | undefined;
  #blockedReason: string | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ConnectBrokerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#log = options.log.child({ connection: options.name });
    this.#backoff = this.#createBackoff();
    const urls = brokerUrls(options.urls, options.random ?? Math.random);
    this.#refusals = new Map(urls.map((url) => [addressOf(url), 'no answer yet']));
    const connectionOptions = {
      // amqplib leaves Nagle's algorithm on, which holds small confirms back for 40 ms.
      noDelay: true,
      timeout: attemptTimeoutMs,
      clientProperties: { connection_name: options.name, product: 'warren' },
    };
    this.#manager = new AmqpConnectionManagerClass(undefined, {
      heartbeatIntervalInSeconds: options.heartbeatSeconds ?? connectionDefaults.heartbeatSeconds,
      // Asked again whenever all of them were tried: certificates are read anew.
      findServers: async () =>
        urls.map((url) => ({ url, connectionOptions: { ...connectionOptions, ...tlsOptionsOf(url) } })),
    });
    // One listener a publisher, and there may be many.
    this.events.setMaxListeners(0);
    this.#listen();
  }

  get connected(): boolean {
    return this.#model !== undefined;
  }

  get blockedReason(): string | undefined {
    return this.#blockedReason;
  }

  /** The manager's own `connect({ timeout })` is not used: it takes a port with the digits 403 for refused credentials. */
  firstConnect(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (refusal?: string) => {
        clearTimeout(timer);
        this.#manager.off('connect', onConnect);
        this.#manager.off('connectFailed', onFailed);
        if (refusal === undefined) resolve();
        else reject(new BrokerUnreachableError(this.#refusals, refusal));
      };
      const onConnect = () => finish();
      const onFailed = ({ err }: { err: Error }) => {
        if (isRefusedLogin(err)) finish('credentials were refused');
      };
      const timer = setTimeout(() => finish(`tried for ${timeoutMs} ms`), timeoutMs);
      this.#manager.on('connect', onConnect);
      this.#manager.on('connectFailed', onFailed);
      this.#manager.connect().catch(() => undefined);
    });
  }

  openChannel(owner: ChannelOwner<Channel>): OpenedChannel {
    return this.#keep(new RecurringChannel((model) => model.createChannel(), owner, this.#channelSettings()));
  }

  openConfirmChannel(owner: ChannelOwner<ConfirmChannel>): OpenedChannel {
    return this.#keep(new RecurringChannel((model) => model.createConfirmChannel(), owner, this.#channelSettings()));
  }

  /**
   * The manager's own `reconnect()` is not used: it takes the 'error' listener off a connection that it then waits
   * for, so that a heartbeat missed meanwhile ends the process.
   */
  reconnect(reason: string): void {
    const model = this.#model;
    if (model === undefined || this.#closing !== undefined) return;
    this.#log.warn({ reason }, 'giving up the connection to RabbitMQ for a new one');
    for (const channel of this.#channels) channel.detach(reason);
    void endConnection(model, this.#closeGraceMs);
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    const model = this.#model;
    this.#model = undefined;
    this.#blockedReason = undefined;
    for (const channel of this.#channels) channel.end();
    this.#channels.clear();
    // An attempt in progress is waited for; one that fails then waits this long before it sees that all is over.
    this.#manager.reconnectTimeInSeconds = 0;
    const ended = model === undefined ? undefined : endConnection(model, this.#closeGraceMs);
    // Rejects because the connection is closing already.
    const managerClosed = this.#manager.close().catch(() => undefined);
    await ended;
    await managerClosed;
    this.#emit('closed');
  }

  get #closeGraceMs(): number {
    return this.#options.closeGraceMs ?? connectionDefaults.closeGraceMs;
  }

  #createBackoff(): Backoff {
    const { reconnect = defaultReconnectPolicy, random = Math.random, now = () => performance.now() } = this.#options;
    return createBackoff(reconnect, random, now);
  }

  #channelSettings(): ConstructorParameters<typeof RecurringChannel>[2] {
    return { backoff: this.#createBackoff(), graceMs: this.#closeGraceMs, log: this.#log };
  }

  #keep(channel: RecurringChannel<Channel> | RecurringChannel<ConfirmChannel>): OpenedChannel {
    if (this.#closing !== undefined) {
      channel.end();
      return channel;
    }
    this.#channels.add(channel);
    if (this.#model !== undefined) channel.attach(this.#model);
    return {
      reopen: (reason) => channel.reopen(reason),
      close: () => {
        this.#channels.delete(channel);
        return channel.close();
      },
    };
  }

  #listen(): void {
    this.#manager.on('connect', ({ url }) => this.#onConnect(String(url)));
    this.#manager.on('connectFailed', ({ err, url }) => this.#onConnectFailed(err, url));
    this.#manager.on('disconnect', ({ err }) => this.#onDisconnect(err));
    this.#manager.on('blocked', ({ reason }) => this.#onBlocked(reason));
    this.#manager.on('unblocked', () => this.#onUnblocked());
  }

  #onConnect(url: string): void {
    const model = this.#manager.connection;
    if (model === undefined) return;
    freeSocketAtEnd(model);
    surviveDeepHeaders(model);
    writeInOnePiece(model);
    if (this.#closing !== undefined) return;
    this.#model = model;
    this.#backoff.opened();
    const address = addressOf(url);
    this.#log.info({ address }, 'connected to RabbitMQ');
    for (const channel of this.#channels) channel.attach(model);
    this.#emit('connected', { address });
  }

  #onConnectFailed(error: Error, url: unknown): void {
    // Without a URL none was tried: a file that they name can't be read.
    const addresses = typeof url === 'string' ? [addressOf(url)] : [...this.#refusals.keys()];
    const address = addresses.join(', ');
    const reason = connectionProblem(error, typeof url === 'string' ? url : '');
    for (const one of addresses) this.#refusals.set(one, reason);
    if (this.#closing !== undefined) return;
    this.#log.warn(
      { address, reason, delayMs: this.#setDelay() },
      'no connection to RabbitMQ: trying again after a wait',
    );
  }

  #onDisconnect(error: unknown): void {
    if (this.#closing !== undefined) return;
    this.#model = undefined;
    this.#blockedReason = undefined;
    const reason = error === undefined ? 'closed by us' : messageOf(error);
    for (const channel of this.#channels) channel.detach(reason);
    this.#log.warn({ reason, delayMs: this.#setDelay() }, 'connection to RabbitMQ lost: connecting again after a wait');
    this.#emit('disconnected', { reason });
  }

  #onBlocked(reason: string): void {
    this.#blockedReason = reason;
    this.#log.warn({ reason }, 'RabbitMQ blocks publishers: see its memory and disk alarms');
    this.#emit('blocked', { reason });
  }

  #onUnblocked(): void {
    this.#blockedReason = undefined;
    this.#log.info('RabbitMQ takes publishes again');
    this.#emit('unblocked');
  }

  /** The manager reads its fixed delay right after the event that this runs in: so it can grow from attempt to attempt. */
  #setDelay(): number {
    const delayMs = Math.round(this.#backoff.nextDelayMs());
    this.#manager.reconnectTimeInSeconds = delayMs / 1_000;
    return delayMs;
  }

  #emit<Name extends keyof ConnectionEvents>(name: Name, ...args: ConnectionEvents[Name]): void {
    callEach(this.events.rawListeners(name), name, args, this.#log);
  }
}

/** The broker says so in connection.close before the connection is open, which amqplib gives as text only. */
function isRefusedLogin(error: Error): boolean {
  return /^Handshake terminated by server: 403\b/.test(error.message);
}
