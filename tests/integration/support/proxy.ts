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

  /** Listens on a free port; the server is the one that a URL names, with its port. */
  static async to(url: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    const proxy = new TcpProxy({ host: hostname, port: Number(port) });
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

  /** The port that clients connect to. */
  get port(): number {
    return Number(new URL(this.through('tcp://proxy')).port);
  }

  /** Resolves when the next client connects. */
  async nextConnection(): Promise<void> {
    await once(this.#listener, 'connection');
  }

  /** Destroys every connection; new ones are let in. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      reset(client);
      reset(server);
    }
  }

  /** Cuts, and resets whoever connects, until `restore`. */
  refuse(): void {
    this.#mode = 'refusing';
    this.cut();
  }

  /** Nothing gets through, on these connections and on new ones, not even the end of either side, until `restore`. */
  stall(): void {
    this.#mode = 'stalled';
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  restore(): void {
    this.#mode = 'open';
    for (const pair of this.#pairs) {
      pair.client.resume();
      pair.server.resume();
      this.#endTogether(pair);
    }
  }

  async stop(): Promise<void> {
    this.cut();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #accept(client: Socket, target: { readonly host: string; readonly port: number }): void {
    if (this.#mode === 'refusing') {
      reset(client);
      return;
    }
    const pair = { client, server: dial({ ...target, noDelay: true }) };
    client.setNoDelay(true);
    this.#pairs.add(pair);
    forward(client, pair.server, () => this.#endTogether(pair));
    forward(pair.server, client, () => this.#endTogether(pair));
    if (this.#mode === 'stalled') this.stall();
  }

  /** One side's end is the other's, unless nothing gets through. */
  #endTogether(pair: Pair): void {
    const { client, server } = pair;
    if (!client.destroyed && !server.destroyed) return;
    if (client.destroyed && server.destroyed) this.#pairs.delete(pair);
    if (this.#mode === 'stalled') return;
    client.destroy();
    server.destroy();
  }
}

/** Not `pipe`: it would resume a side that is held as soon as the other drains. */
function forward(from: Socket, to: Socket, ended: () => void): void {
  from.on('data', (chunk) => {
    to.write(chunk);
  });
  from.on('end', () => to.end());
  from.on('error', () => undefined);
  from.on('close', ended);
}

/** Node 20 can't reset a socket that is shutting down: it would keep the process from ending, at full load. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
