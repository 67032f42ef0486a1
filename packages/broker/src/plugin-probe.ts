import { randomUUID } from 'node:crypto';
import { probePrefix } from '@warren/topology';
import { messageOf, replyCodeOf } from './exception.js';
import { withConnection } from './inspect-connection.js';

/**
 * Whether the broker has the delayed-message plugin: tries to declare an exchange of its type, and deletes it.
 * A user who may declare nothing finds out the same.
 * On a connection of its own, because a broker without the plugin closes the whole connection (503), not the channel.
 */
export async function hasDelayPlugin(amqpUrl: string): Promise<boolean> {
  try {
    await withConnection(amqpUrl, async (connection) => {
      const channel = await connection.createChannel();
      channel.on('error', () => undefined);
      const name = `${probePrefix}${randomUUID()}`;
      await channel.assertExchange(name, 'x-delayed-message', {
        durable: false,
        autoDelete: true,
        arguments: { 'x-delayed-type': 'fanout' },
      });
      await channel.deleteExchange(name);
    });
    return true;
  } catch (error) {
    if (isUnknownExchangeType(error)) return false;
    // The broker looks for the type before it looks at who asks: who may declare nothing is told of a type that is there.
    if (replyCodeOf(error) === 403) return true;
    throw error;
  }
}

/** The version that the broker states when a client connects, such as `3.10.8`. */
export async function brokerVersion(amqpUrl: string): Promise<string> {
  return await withConnection(amqpUrl, async (connection) => connection.connection.serverProperties.version);
}

function isUnknownExchangeType(error: unknown): boolean {
  const code = replyCodeOf(error);
  return (code === 503 || code === 406) && /(unknown|invalid) exchange type/.test(messageOf(error));
}
