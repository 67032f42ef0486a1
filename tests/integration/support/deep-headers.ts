import { Socket } from 'node:net';
import type { Channel } from 'amqplib';

/** Sends a message whose headers are so many tables in each other that amqplib, which can't encode it, can't decode it either. */
export function sendDeepHeaders(channel: Channel, queue: string, body: Buffer, depth: number): void {
  const stream: unknown = Reflect.get(channel.connection, 'stream');
  const number: unknown = Reflect.get(channel, 'ch');
  if (!(stream instanceof Socket) || typeof number !== 'number') throw new Error('amqplib keeps its socket elsewhere');
  const key = Buffer.concat([Buffer.of(Buffer.byteLength(queue)), Buffer.from(queue)]);
  const publish = Buffer.concat([Buffer.of(0, 60, 0, 40, 0, 0, 0), key, Buffer.of(0)]);
  const bodyLength = Buffer.alloc(8);
  bodyLength.writeBigUInt64BE(BigInt(body.byteLength));
  const onlyHeaders = Buffer.of(0x20, 0);
  const header = Buffer.concat([Buffer.of(0, 60, 0, 0), bodyLength, onlyHeaders, tables(depth)]);
  stream.write(Buffer.concat([frame(1, number, publish), frame(2, number, header), frame(3, number, body)]));
}

function frame(type: number, channel: number, payload: Buffer): Buffer {
  const start = Buffer.alloc(7);
  start.writeUInt8(type, 0);
  start.writeUInt16BE(channel, 1);
  start.writeUInt32BE(payload.byteLength, 3);
  return Buffer.concat([start, payload, Buffer.of(0xce)]);
}

/** A table with one field "a", which is such a table, and so on; the innermost one is empty. */
function tables(depth: number): Buffer {
  const bytesEach = 7;
  const bytes = Buffer.alloc(4 + depth * bytesEach);
  bytes.writeUInt32BE(depth * bytesEach, 0);
  for (let level = 0; level < depth; level += 1) {
    const at = 4 + level * bytesEach;
    bytes.write('\u0001aF', at, 'latin1');
    bytes.writeUInt32BE((depth - level - 1) * bytesEach, at + 3);
  }
  return bytes;
}
