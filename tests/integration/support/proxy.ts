import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** One TCP connection through the proxy: the client's socket and the one to the real server. */
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** A TCP proxy on loopback between a client and a real server, for the failures that only a network has. */
export class TcpProxy {
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  #mode: 'open' | 'refusing' | 'stalled' = 'open';

  /** Listens on a free port. */
  static async start(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    return proxy;
  }

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#listener = createServer((client) => this.#accept(client, target));
  }

  /** The same URL by way of this proxy. */
  through(url: string): string {
    const address = this.#listener.address();
    if (address === null || typeof address === 'string')
      throw new Error('the proxy listens on no port: start it first');
    const rerouted = new URL(url);
    rerouted.hostname = '127.0.0.1';
    rerouted.port = String(address.port);
    return rerouted.href;
  }

  /** Connections open now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Resolves when the next client connects. */
  async nextConnection(): Promise<void> {
    await once(this.#listener, 'connection');
  }

  /** Destroys every connection; new ones are let in. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Cuts, and resets whoever connects, until `restore`. */
  refuse(): void {
    this.#mode = 'refusing';
    this.cut();
  }

  /** What either side sends is held back, on these connections and on new ones, until `restore`. */
  stall(): void {
    this.#mode = 'stalled';
    for (const pair of this.#pairs) hold(pair);
  }

  restore(): void {
    this.#mode = 'open';
    for (const pair of this.#pairs) release(pair);
  }

  async stop(): Promise<void> {
    this.cut();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #accept(client: Socket, target: { readonly host: string; readonly port: number }): void {
    if (this.#mode === 'refusing') {
      client.resetAndDestroy();
      return;
    }
    const pair = { client, server: dial({ ...target, noDelay: true }) };
    client.setNoDelay(true);
    this.#pairs.add(pair);
    join(pair.client, pair.server, () => this.#pairs.delete(pair));
    join(pair.server, pair.client, () => this.#pairs.delete(pair));
    if (this.#mode === 'stalled') hold(pair);
  }
}

/** Not `pipe`: it would resume a side that is held as soon as the other drains. */
function join(from: Socket, to: Socket, gone: () => void): void {
  from.on('data', (chunk) => {
    to.write(chunk);
  });
  from.on('end', () => to.end());
  from.on('error', () => undefined);
  from.on('close', () => {
    gone();
    to.destroy();
  });
}

function hold({ client, server }: Pair): void {
  client.pause();
  server.pause();
}

function release({ client, server }: Pair): void {
  client.resume();
  server.resume();
}
