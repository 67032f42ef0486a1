import amqp from 'amqplib';
import { bareMessage, dressedMessage, publishWindow } from '../measured-task.js';
import { clock, inWindow, readRoleSettings, tell, told } from './role.js';

const { amqpUrl, queue, count, dressed, oneByOne } = readRoleSettings();
const connection = await amqp.connect(amqpUrl, { noDelay: true });
const channel = await connection.createConfirmChannel();
const bare = bareMessage(queue);
const publish = () => {
  const { exchange, routingKey, body, properties } = dressed ? dressedMessage() : bare;
  return new Promise<void>((resolve, reject) =>
    channel.publish(exchange, routingKey, body, properties, (error) => (error ? reject(error) : resolve())),
  );
};

tell({ ready: true });
await told();
const startedAt = clock();
await inWindow(count, oneByOne ? 1 : publishWindow, async () => {
  const sentAt = clock();
  const handled = oneByOne ? told() : undefined;
  await publish();
  if (oneByOne) tell({ sentAt });
  await handled;
});
tell({ startedAt, publishedAt: clock() });
await told();
await connection.close();
process.disconnect();
