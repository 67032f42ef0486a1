import amqp from 'amqplib';
import { prefetch } from '../measured-task.js';
import { clock, readRoleSettings, tell, told } from './role.js';

const { amqpUrl, queue, count, oneByOne } = readRoleSettings();
const connection = await amqp.connect(amqpUrl, { noDelay: true });
const channel = await connection.createChannel();
await channel.prefetch(prefetch);
let handled = 0;
await channel.consume(queue, (delivery) => {
  const handledAt = clock();
  if (delivery === null) return;
  channel.ack(delivery);
  handled += 1;
  if (oneByOne) tell({ handledAt });
  if (handled === count) tell({ doneAt: clock() });
});
tell({ ready: true });
await told();
await connection.close();
process.disconnect();
