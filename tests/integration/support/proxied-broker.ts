import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { type BrokerConnection, type ConnectBrokerOptions, connectBroker } from '@warren/broker';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { pino } from 'pino';
import { type FreshVhost, freshVhost } from './broker.js';
import { TcpProxy } from './proxy.js';

export const log = pino({ level: 'silent' });

/** Waits that suit a broker on this machine. */
export const quick = { baseMs: 20, maxMs: 100 };

/** A virtual host, the network between it and the client under test, and a way around that network. */
export class ProxiedBroker {
  readonly vhost: FreshVhost;
  readonly proxy: TcpProxy;
  /** Straight to the broker, to see what is really there. */
  readonly admin: Channel;
  readonly #direct: ChannelModel;
  readonly #open: BrokerConnection[] = [];

  static async start(): Promise<ProxiedBroker> {
    const vhost = await freshVhost();
    const proxy = await TcpProxy.to(vhost.amqpUrl);
    const direct = await connect(vhost.amqpUrl);
    return new ProxiedBroker(vhost, proxy, direct, await direct.createChannel());
  }

  private constructor(vhost: FreshVhost, proxy: TcpProxy, direct: ChannelModel, admin: Channel) {
    this.vhost = vhost;
    this.proxy = proxy;
    this.#direct = direct;
    this.admin = admin;
  }

  /** Its address by way of the proxy. */
  get url(): string {
    return this.proxy.through(this.vhost.amqpUrl);
  }

  /** A connection by way of the proxy, closed after the test. */
  async connected(options: Partial<ConnectBrokerOptions> = {}): Promise<BrokerConnection> {
    const given = { urls: this.url, name: 'test', log, reconnect: quick, closeGraceMs: 200 };
    const connection = await connectBroker({ ...given, ...options });
    this.#open.push(connection);
    return connection;
  }

  /** The network is whole again, and every connection closed. */
  async reset(): Promise<void> {
    this.proxy.restore();
    await Promise.all(this.#open.splice(0).map((connection) => connection.close()));
  }

  async stop(): Promise<void> {
    await this.#direct.close();
    await this.proxy.stop();
    await this.vhost.dispose();
  }
}

/** One for all tests of a `describe`, put in order after each; call it there. */
export function useProxiedBroker(): () => ProxiedBroker {
  let broker: ProxiedBroker | undefined;
  beforeAll(async () => {
    broker = await ProxiedBroker.start();
  }, 60_000);
  afterEach(() => broker?.reset());
  afterAll(() => broker?.stop());
  return () => {
    if (broker === undefined) throw new Error('the broker is there from the first test on, not before');
    return broker;
  };
}
