import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** The AMQP methods at which a connection can be cut, by class and method number. */
const methods = {
  'basic.publish': [60, 40],
  'basic.deliver': [60, 60],
  /** From the client: a delivery is settled. From the server: a publish is confirmed. */
  'basic.ack': [60, 80],
  'basic.reject': [60, 90],
  'basic.nack': [60, 120],
} as const;

export type AmqpMethod = keyof typeof methods;

export interface Breakpoint {
  readonly from: 'client' | 'server';
  readonly method: AmqpMethod;
  /** With `basic.publish`: only to this exchange. */
  readonly exchange?: string;
  /**
   * `cut`: both sides see a reset, the frame does not arrive. `swallow`: the frame and all that follows from that side
   * is lost, and neither side is told.
   */
  readonly then: 'cut' | 'swallow';
}

interface Armed extends Breakpoint {
  readonly hit: () => void;
}

const methodFrame = 1;
const frameHeaderBytes = 7;
const protocolHeaderBytes = 8;

/** A TCP proxy that reads AMQP frames and breaks a connection at the very frame that a test names. */
export class AmqpProxy {
  readonly #listener: Server;
  readonly #armed = new Set<Armed>();
  readonly #sockets = new Set<Socket>();

  static async start(amqpUrl: string): Promise<AmqpProxy> {
    const { hostname, port } = new URL(amqpUrl);
    const proxy = new AmqpProxy(hostname, Number(port));
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    return proxy;
  }

  private constructor(host: string, port: number) {
    this.#listener = createServer((client) => this.#accept(client, dial({ host, port, noDelay: true })));
  }

  through(amqpUrl: string): string {
    const address = this.#listener.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    const url = new URL(amqpUrl);
    url.hostname = '127.0.0.1';
    url.port = String(address.port);
    return url.href;
  }

  /** Arms a breakpoint for the next frame that fits. Resolves when it was hit; it is hit once. */
  breakAt(breakpoint: Breakpoint): Promise<void> {
    return new Promise((resolve) => this.#armed.add({ ...breakpoint, hit: resolve }));
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    this.cutAll();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #accept(client: Socket, server: Socket): void {
    client.setNoDelay(true);
    const cut = () => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    this.#pass('client', client, server, cut, protocolHeaderBytes);
    this.#pass('server', server, client, cut, 0);
  }

  #pass(from: 'client' | 'server', source: Socket, target: Socket, cut: () => void, skip: number): void {
    let pending: Buffer = Buffer.alloc(0);
    let toSkip = skip;
    let swallowing = false;
    this.#sockets.add(source);
    source.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      if (toSkip > 0) {
        if (pending.length < toSkip) return;
        target.write(pending.subarray(0, toSkip));
        pending = pending.subarray(toSkip);
        toSkip = 0;
      }
      for (;;) {
        const frame = firstFrame(pending);
        if (!frame) return;
        pending = pending.subarray(frame.length);
        const armed = swallowing ? undefined : this.#hitBy(from, frame);
        if (armed?.then === 'cut') {
          cut();
          armed.hit();
          return;
        }
        if (armed?.then === 'swallow') {
          swallowing = true;
          armed.hit();
        }
        if (!swallowing) target.write(frame);
      }
    });
    source.on('error', () => undefined);
    source.on('close', () => {
      this.#sockets.delete(source);
      target.destroy();
    });
  }

  #hitBy(from: 'client' | 'server', frame: Buffer): Armed | undefined {
    if (frame[0] !== methodFrame) return undefined;
    const classId = frame.readUInt16BE(frameHeaderBytes);
    const methodId = frame.readUInt16BE(frameHeaderBytes + 2);
    for (const armed of this.#armed) {
      const [wantedClass, wantedMethod] = methods[armed.method];
      if (armed.from !== from || wantedClass !== classId || wantedMethod !== methodId) continue;
      if (armed.exchange !== undefined && armed.exchange !== exchangeOf(frame)) continue;
      this.#armed.delete(armed);
      return armed;
    }
    return undefined;
  }
}

/** One whole frame at the start of the bytes, its end octet included; undefined while it is not all there. */
function firstFrame(bytes: Buffer): Buffer | undefined {
  if (bytes.length < frameHeaderBytes) return undefined;
  const length = frameHeaderBytes + bytes.readUInt32BE(3) + 1;
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}

/** Of a basic.publish: after the two numbers and a reserved short comes the exchange as a short string. */
function exchangeOf(frame: Buffer): string {
  const at = frameHeaderBytes + 6;
  const length = frame[at] ?? 0;
  return frame.subarray(at + 1, at + 1 + length).toString('utf8');
}
