import { defineTaskType, encodeBody, headers } from '@warren/tasks';
import { exchangeNames, routingKey } from '@warren/topology';
import { z } from 'zod';

/** The task of every measurement: 300 bytes of input, no work. */
export const measuredTask = defineTaskType({
  name: 'bench',
  summary: 'nothing, as fast as possible',
  input: z.object({ filling: z.string() }),
  result: z.object({ done: z.literal(true) }),
});

export const measuredInput = { filling: 'x'.repeat(284) };

/** What a client sends that knows no more than a queue: the same for each task, so it is made once. */
export function bareMessage(queue: string) {
  return {
    exchange: '',
    routingKey: queue,
    body: Buffer.from(JSON.stringify(measuredInput)),
    properties: { persistent: true, headers: {} },
  };
}

/** What Warren puts on the wire for a task, made for each one; only its id and its copy would differ. */
export function dressedMessage() {
  const properties = {
    persistent: true,
    messageId: anyId,
    type: measuredTask.name,
    contentType: 'application/json',
    priority: 5,
    timestamp: Math.floor(Date.now() / 1_000),
    headers: {
      [headers.deadline]: new Date().toISOString(),
      [headers.dispatch]: 1,
      [headers.attempt]: 1,
      [headers.copy]: anyId,
    },
  };
  return {
    exchange: exchangeNames.tasks,
    routingKey: routingKey(measuredTask.name, 'normal'),
    body: encodeBody(anyId, measuredTask.name, JSON.stringify(measuredInput)),
    properties,
  };
}

const anyId = '00000000-0000-7000-8000-000000000000';

/** As Warren tells of a task that is done. */
export const doneEvent = {
  routingKey: `${measuredTask.name}.${anyId}.completed`,
  body: Buffer.from(
    JSON.stringify({ task_id: anyId, type: measuredTask.name, event: 'completed', attempt: 1, at: Date.now() }),
  ),
};

/** Deliveries in hand at the same time. */
export const prefetch = 100;
/** Submissions, or bare publishes, whose answer is awaited at the same time. */
export const publishWindow = 200;
