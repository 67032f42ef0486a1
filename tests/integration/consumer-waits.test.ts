import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type ConsumeOptions, type Consumer, consume, type Delivery } from '@warren/broker';
import { log, quick, useProxiedBroker } from './support/proxied-broker.js';
import { until } from './support/until.js';

describe('a consumer', () => {
  const broker = useProxiedBroker();
  let queue: string;
  let deliveries: Delivery[];

  beforeEach(() => {
    queue = `q-${randomUUID()}`;
    deliveries = [];
  });

  async function consumer(options: Partial<ConsumeOptions> = {}): Promise<Consumer> {
    const onDelivery = (delivery: Delivery) => void deliveries.push(delivery);
    return consume(await broker().connected(), { queue, prefetch: 10, log, reconnect: quick, onDelivery, ...options });
  }

  describe('untilConsuming', () => {
    it('waits for the queue, and is there at once from then on', async () => {
      const waiting = await consumer();
      const consuming = waiting.untilConsuming(30_000);
      await broker().admin.assertQueue(queue);
      await consuming;
      expect(waiting.state).toBe('consuming');
      await waiting.untilConsuming(0);
    });

    it('gives up after its time, and says why and what to do', async () => {
      const waiting = await consumer();
      await until(() => waiting.state === 'waiting');
      await expect(waiting.untilConsuming(20)).rejects.toThrow(
        /^queue "q-.*" could not be consumed within 20 ms \(queue "q-.*" does not exist.*warren topology apply/,
      );
      expect(waiting.events.listenerCount('consuming')).toBe(0);
    });

    it('does not wait for what is paused on purpose', async () => {
      const waiting = await consumer();
      const consuming = waiting.untilConsuming(600_000);
      await Promise.all([consuming, waiting.pause()]);
      expect(waiting.state).toBe('paused');
      await waiting.untilConsuming(0);
    });

    it('ends with the consumer', async () => {
      const waiting = await consumer();
      const consuming = waiting.untilConsuming(600_000);
      await Promise.all([expect(consuming).rejects.toThrow(/was cancelled/), waiting.cancel()]);
      await expect(waiting.untilConsuming()).rejects.toThrow(/was cancelled/);
    });
  });

  describe('on a connection that answers nothing', () => {
    it('pauses and resumes in bounded time, gives back what still comes, and then does what was said last', async () => {
      await broker().admin.assertQueue(queue);
      const paused = await consumer({ answerWithinMs: 50 });
      await paused.untilConsuming();
      broker().proxy.stall();
      broker().admin.sendToQueue(queue, Buffer.from('on its way'));
      // The broker has sent it: it is neither ready nor here.
      await until(async () => (await broker().admin.checkQueue(queue)).messageCount === 0);
      await paused.pause();
      expect(paused.state).toBe('paused');
      broker().proxy.restore();
      await until(async () => (await broker().admin.checkQueue(queue)).messageCount === 1);
      expect(deliveries).toEqual([]);

      broker().proxy.stall();
      await paused.resume();
      expect(paused.state).toBe('paused');
      broker().proxy.restore();
      await until(() => deliveries.length === 1);
      expect(deliveries[0]?.redelivered).toBe(true);
      expect(paused.state).toBe('consuming');
    });
  });
});
