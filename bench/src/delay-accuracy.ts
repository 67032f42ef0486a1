import { setTimeout as sleep } from 'node:timers/promises';
import { delayBy, routedProperties } from '@warren/broker';
import { type DelayMechanism, routingKey, workQueue } from '@warren/topology';
import amqp from 'amqplib';
import { z } from 'zod';
import { measuredTask } from './measured-task.js';
import type { Site } from './site.js';
import { percentile, rounded } from './statistics.js';

const pending = 20_000;
/** Publishes a second: fast enough that all are pending before the first is due, slow enough not to measure a burst. */
const pace = 2_000;
/** The shortest delay: longer than all publishes take. The others are spread evenly over as long again. */
const firstDueMs = 15_000;

/** How late messages came, against the time at which they were due. */
export interface DelayFigures {
  readonly mechanism: DelayMechanism;
  readonly pending: number;
  readonly arrived: number;
  readonly early: number;
  readonly errorP50Ms: number;
  readonly errorP99Ms: number;
  readonly errorMaxMs: number;
}

const dueHeader = 'x-bench-due';
const arrival = z.object({ [dueHeader]: z.number() });

/** Publishes at an even pace, waits for all, and compares. The clock is this process' own for both ends. */
export async function measureDelay(site: Site, mechanism: DelayMechanism): Promise<DelayFigures> {
  const connection = await amqp.connect(site.amqpUrl, { noDelay: true });
  const errors: number[] = [];
  const receiving = await connection.createChannel();
  const all = new Promise<void>((resolve) => {
    void receiving.consume(
      workQueue(measuredTask.name),
      (delivery) => {
        const { [dueHeader]: due } = arrival.parse(delivery?.properties.headers);
        errors.push(Date.now() - due);
        if (errors.length === pending) resolve();
      },
      { noAck: true },
    );
  });
  await publishPaced(await connection.createConfirmChannel(), mechanism);
  // What is not there a minute after the last one was due, is lost.
  const givenUp = new AbortController();
  await Promise.race([all, sleep(2 * firstDueMs + 60_000, undefined, { signal: givenUp.signal })]);
  givenUp.abort();
  await connection.close();
  return {
    mechanism,
    pending,
    arrived: errors.length,
    early: errors.filter((error) => error < 0).length,
    errorP50Ms: percentile(errors, 0.5),
    errorP99Ms: percentile(errors, 0.99),
    errorMaxMs: rounded(Math.max(...errors), 0),
  };
}

async function publishPaced(channel: amqp.ConfirmChannel, mechanism: DelayMechanism): Promise<void> {
  const delay = delayBy(mechanism);
  const body = Buffer.from('{}');
  const startedAt = performance.now();
  for (let index = 0; index < pending; index++) {
    const aheadMs = (index * 1_000) / pace - (performance.now() - startedAt);
    if (aheadMs > 5) await sleep(aheadMs);
    const delayMs = firstDueMs + ((index * 7_919) % pending) * (firstDueMs / pending);
    const route = delay.route(delayMs, routingKey(measuredTask.name, 'normal'));
    const given = { headers: { [dueHeader]: Date.now() + delayMs }, persistent: true };
    const { headers, ...options } = routedProperties(route, given);
    channel.publish(route.exchange, route.routingKey, body, { ...options, headers: { ...headers } });
  }
  await channel.waitForConfirms();
}
