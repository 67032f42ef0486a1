import { exchangeNames } from '@warren/topology';
import amqp from 'amqplib';
import { doneEvent, prefetch } from '../measured-task.js';
import { clock, readRoleSettings, tell, told } from './role.js';

const { amqpUrl, queue, count, dressed, oneByOne } = readRoleSettings();
const connection = await amqp.connect(amqpUrl, { noDelay: true });
const channel = await connection.createChannel();
await channel.prefetch(prefetch);
let handled = 0;
await channel.consume(queue, (delivery) => {
  const handledAt = clock();
  if (delivery === null) return;
  channel.ack(delivery);
  if (dressed) channel.publish(exchangeNames.events, doneEvent.routingKey, doneEvent.body);
  handled += 1;
  if (oneByOne) tell({ handledAt });
  if (handled === count) tell({ doneAt: clock() });
});
tell({ ready: true });
await told();
await connection.close();
process.disconnect();
