import { isNativeError } from 'node:util/types';
import type { ChannelModel } from 'amqplib';

/** The header that stands in for properties which can't be decoded. Its value is their bytes as they came. */
export const undecodableHeader = 'x-undecodable-properties';

/** AMQP 0-9-1: type, channel, length; then, in a content header, class, weight and the length of the body. */
const contentHeaderType = 2;
const channelAt = 1;
const lengthAt = 3;
const payloadAt = 7;
const bodyLengthAt = 11;
const propertiesAt = 19;
const basicClass = 60;

/**
 * amqplib decodes headers by recursion. A message with some thousand tables in each other, which any producer can send in
 * 30 kB, overflows the stack: the connection dies, the broker delivers the message again, and so on for ever. Here such a
 * message arrives with {@link undecodableHeader} as its only property, too large a header for any task.
 */
export function surviveDeepHeaders(model: ChannelModel): void {
  const connection = model.connection;
  const recvFrame: unknown = Reflect.get(connection, 'recvFrame');
  if (typeof recvFrame !== 'function') throw new Error('this release of amqplib reads frames in another way');
  Reflect.set(connection, 'recvFrame', () => {
    // When the frame is complete amqplib cuts it off here before it decodes it.
    const received: unknown = Reflect.get(connection, 'rest');
    try {
      return Reflect.apply(recvFrame, connection, []);
    } catch (error) {
      if (isStackOverflow(error) && Buffer.isBuffer(received) && received[0] === contentHeaderType)
        return standIn(received);
      throw error;
    }
  });
}

/** What amqplib makes of a content header, with the bytes of the properties in place of what they mean. */
function standIn(received: Buffer): object {
  const end = payloadAt + received.readUInt32BE(lengthAt);
  return {
    id: basicClass,
    channel: received.readUInt16BE(channelAt),
    size: Number(received.readBigUInt64BE(bodyLengthAt)),
    fields: { headers: { [undecodableHeader]: Buffer.from(received.subarray(propertiesAt, end)) } },
  };
}

function isStackOverflow(error: unknown): boolean {
  return isNativeError(error) && error.name === 'RangeError' && error.message.includes('call stack');
}
