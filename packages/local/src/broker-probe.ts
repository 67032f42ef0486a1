import { connect } from 'node:net';
import { ManagementError, managementAddress, managementClient } from '@warren/broker';

/** The broker's version once it takes AMQP connections and answers questions about itself; `undefined` before. */
export async function probeBroker(broker: { amqpUrl: string; managementUrl: string }): Promise<string | undefined> {
  // The management interface opens first, and says nothing about the AMQP listener.
  if (!(await takesConnections(new URL(broker.amqpUrl)))) return undefined;
  try {
    const management = managementClient(managementAddress(broker.amqpUrl, broker.managementUrl));
    return (await management.overview()).rabbitmq_version;
  } catch (error) {
    if (error instanceof ManagementError) return undefined;
    throw error;
  }
}

function takesConnections({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(2_000, () => answer(false));
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
