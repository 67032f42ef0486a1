import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import type { ChannelModel } from 'amqplib';
import { z } from 'zod';

/**
 * amqplib's types hide the socket and the emitter below its connection. Both are needed: amqplib waits for the other
 * side's last word for ever, and the connection manager removes the listeners that others put on the upper emitter.
 */
const emitter = z.instanceof(EventEmitter);
const muxerOwner = z.object({ muxer: z.instanceof(Object) });
const streamOwner = z.object({ stream: z.instanceof(Socket) });

/** How long the other side may take to close its half of a socket that we are done with. */
const lingerMs = 1_000;

/** Frees the socket of a connection soon after it ends, however it ends: amqplib leaves that to the other side. */
export function freeSocketAtEnd(model: ChannelModel): void {
  const { connection, socket } = partsOf(model);
  connection.once('close', () => {
    socket.setTimeout(lingerMs, () => socket.destroy());
    socket.destroySoon();
  });
}

/** amqplib hands the socket frame by frame what a turn has brought together; here it goes out in one piece. */
export function writeInOnePiece(model: ChannelModel): void {
  const { socket } = partsOf(model);
  const { muxer } = muxerOwner.parse(model.connection);
  const readIncoming: unknown = Reflect.get(muxer, '_readIncoming');
  if (typeof readIncoming !== 'function') throw new Error('this release of amqplib writes frames in another way');
  Reflect.set(muxer, '_readIncoming', () => {
    socket.cork();
    try {
      Reflect.apply(readIncoming, muxer, []);
    } finally {
      socket.uncork();
    }
  });
}

/** Closes a connection. Resolves when its socket is closed: by connection.close-ok, or by force after `graceMs`. Never rejects. */
export function endConnection(model: ChannelModel, graceMs: number): Promise<void> {
  const { socket } = partsOf(model);
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => {
    const force = setTimeout(
      () => socket.destroy(new Error(`no answer to connection.close within ${graceMs} ms`)),
      graceMs,
    );
    socket.once('close', () => {
      clearTimeout(force);
      resolve();
    });
    // Rejects only when it is closing or closed already; then the socket's end is on its way.
    model.close().catch(() => undefined);
  });
}

function partsOf(model: ChannelModel): { connection: EventEmitter; socket: Socket } {
  return { connection: emitter.parse(model.connection), socket: streamOwner.parse(model.connection).stream };
}
