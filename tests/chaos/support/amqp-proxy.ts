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
  readonly exchange?: string | RegExp;
  /**
   * `cut`: both sides of every connection see a reset, the frame does not arrive. `swallow`: the frame and all that follows from that side
   * is lost, and neither side is told. `drop`: this frame alone is lost; not for a method that content follows.
   * `close-channel`: the frame arrives, and the broker is told on its channel to forget a delivery that there never was,
   * for which it closes the channel (406). `drop-and-close-channel`: both.
   */
  readonly action: 'cut' | 'swallow' | 'drop' | 'close-channel' | 'drop-and-close-channel';
}

interface Armed extends Breakpoint {
  readonly hit: () => void;
}

const methodFrame = 1;
const frameEnd = 0xce;
const frameHeaderBytes = 7;
const protocolHeaderBytes = 8;

/** A TCP proxy that reads AMQP frames and breaks a connection at the very frame that a test names. */
export class AmqpProxy {
  readonly #listener: Server;
  readonly #armed = new Set<Armed>();
  readonly #sockets = new Set<Socket>();
  readonly #seen = new Map<string, number>();

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

  /** Nothing is armed any more, and frames are counted from zero. False when something was armed and never hit. */
  reset(): boolean {
    const wasUsed = this.#armed.size === 0;
    this.#armed.clear();
    this.#seen.clear();
    return wasUsed;
  }

  /** How many frames of this method have come from that side, over all connections. */
  seen(from: 'client' | 'server', method: AmqpMethod): number {
    return this.#seen.get(`${from} ${methods[method]}`) ?? 0;
  }

  cutAll(): void {
    for (const socket of this.#sockets) reset(socket);
  }

  async stop(): Promise<void> {
    this.cutAll();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #accept(client: Socket, server: Socket): void {
    client.setNoDelay(true);
    // A process consumes and publishes on two connections; who is cut off has lost both.
    const cut = () => this.cutAll();
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
        this.#count(from, frame);
        const armed = swallowing ? undefined : this.#hitBy(from, frame);
        if (armed?.action === 'cut') {
          cut();
          armed.hit();
          return;
        }
        if (armed?.action === 'swallow') swallowing = true;
        const isDropped = armed?.action === 'drop' || armed?.action === 'drop-and-close-channel';
        if (!swallowing && !isDropped) target.write(frame);
        if (armed?.action.endsWith('close-channel')) (from === 'server' ? source : target).write(foreignAck(frame));
        armed?.hit();
      }
    });
    source.on('error', () => undefined);
    source.on('close', () => {
      this.#sockets.delete(source);
      target.destroy();
    });
  }

  #count(from: 'client' | 'server', frame: Buffer): void {
    if (frame[0] !== methodFrame) return;
    const key = `${from} ${methodOf(frame)}`;
    this.#seen.set(key, (this.#seen.get(key) ?? 0) + 1);
  }

  #hitBy(from: 'client' | 'server', frame: Buffer): Armed | undefined {
    if (frame[0] !== methodFrame) return undefined;
    for (const armed of this.#armed) {
      if (armed.from !== from || `${methods[armed.method]}` !== `${methodOf(frame)}`) continue;
      if (armed.exchange !== undefined && !isNamed(exchangeOf(frame), armed.exchange)) continue;
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

function methodOf(frame: Buffer): [classId: number, methodId: number] {
  return [frame.readUInt16BE(frameHeaderBytes), frame.readUInt16BE(frameHeaderBytes + 2)];
}

function isNamed(exchange: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? exchange === wanted : wanted.test(exchange);
}

/** basic.ack on the channel of `frame`, for a delivery tag that no broker has counted to. */
function foreignAck(frame: Buffer): Buffer {
  const payload = Buffer.alloc(13);
  const [classId, methodId] = methods['basic.ack'];
  payload.writeUInt16BE(classId, 0);
  payload.writeUInt16BE(methodId, 2);
  payload.writeBigUInt64BE(1_000_000_000n, 4);
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt8(methodFrame, 0);
  header.writeUInt16BE(frame.readUInt16BE(1), 1);
  header.writeUInt32BE(payload.length, 3);
  return Buffer.concat([header, payload, Buffer.from([frameEnd])]);
}

/** Of a basic.publish: after the two numbers and a reserved short comes the exchange as a short string. */
function exchangeOf(frame: Buffer): string {
  const at = frameHeaderBytes + 6;
  const length = frame[at] ?? 0;
  return frame.subarray(at + 1, at + 1 + length).toString('utf8');
}

/** Node 20 can't reset a socket that is shutting down: it would keep the process from ending, at full load. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
