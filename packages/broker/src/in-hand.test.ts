import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Delivery } from './consumer.js';
import { createInHand } from './in-hand.js';

const log = pino({ level: 'silent' });
const defect = () => Promise.reject(new Error('a defect'));

function world() {
  const stop = new AbortController();
  const channel = new AbortController();
  const told: string[] = [];
  const delivery: Delivery = {
    content: Buffer.alloc(0),
    queue: 'tasks.echo',
    exchange: '',
    routingKey: '',
    redelivered: false,
    properties: {},
    ack: () => told.push('ack') > 0,
    requeue: () => told.push('requeue') > 0,
    get isLost() {
      return channel.signal.aborted;
    },
    lost: channel.signal,
    onLost: () => undefined,
  };
  return { stop, channel, told, delivery, inHand: createInHand({ stop: stop.signal, log }) };
}

describe('a delivery in hand', () => {
  it('is left to its work, and counted as long as that takes', async () => {
    const { delivery, inHand, told } = world();
    const kept = inHand.keep(delivery, async () => void delivery.ack());
    expect(inHand.size).toBe(1);
    await kept;
    expect({ size: inHand.size, told }).toEqual({ size: 0, told: ['ack'] });
  });

  it('goes back to its queue after an error that nobody foresaw, and not at once', async () => {
    const { delivery, inHand, told } = world();
    const startedAt = performance.now();
    await inHand.keep(delivery, defect);
    expect({ size: inHand.size, told }).toEqual({ size: 0, told: ['requeue'] });
    expect(performance.now() - startedAt).toBeGreaterThan(900);
  });

  it.each(['stop', 'channel'] as const)(
    'is left to the end of its channel once there is the end of: %s',
    async (end) => {
      const given = world();
      const kept = given.inHand.keep(given.delivery, defect);
      given[end].abort();
      await kept;
      expect(given.told).toEqual([]);
    },
  );

  it('is waited for no longer than was said', async () => {
    const { delivery, inHand } = world();
    void inHand.keep(delivery, () => new Promise(() => undefined));
    await inHand.emptyWithin(20);
    expect(inHand.size).toBe(1);
  });
});
