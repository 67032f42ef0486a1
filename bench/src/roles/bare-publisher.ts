import amqp from 'amqplib';
import { measuredInput, publishWindow } from '../measured-task.js';
import { clock, inWindow, readRoleSettings, tell, told } from './role.js';

const { amqpUrl, queue, count, oneByOne } = readRoleSettings();
const connection = await amqp.connect(amqpUrl, { noDelay: true });
const channel = await connection.createConfirmChannel();
const body = Buffer.from(JSON.stringify(measuredInput));
const publish = (headers: Record<string, unknown>) =>
  new Promise<void>((resolve, reject) =>
    channel.publish('', queue, body, { persistent: true, headers }, (error) => (error ? reject(error) : resolve())),
  );

tell({ ready: true });
await told();
const startedAt = clock();
await inWindow(count, oneByOne ? 1 : publishWindow, async () => {
  const sentAt = clock();
  const handled = oneByOne ? told() : undefined;
  await publish({});
  if (oneByOne) tell({ sentAt });
  await handled;
});
tell({ startedAt, publishedAt: clock() });
await told();
await connection.close();
process.disconnect();
