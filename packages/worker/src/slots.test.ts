import { describe, expect, it, jest } from '@jest/globals';
import { createSlots } from './slots.js';

const weights: Readonly<Record<string, number>> = { high: 6, normal: 3, low: 1 };
const minute = 60_000;

/** `lose` calls whoever wants to know of its loss. */
function deliveryOf(queue: string) {
  const listeners: (() => void)[] = [];
  return {
    queue,
    onLost: (listener: () => void) => void listeners.push(listener),
    lose: () => {
      for (const listener of listeners) listener();
    },
  };
}

function world(count: number, maxWaitMs = minute) {
  const slots = createSlots({ count, weightOf: (queue) => weights[queue] ?? 1, maxWaitMs });
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const take = (queue: string) =>
    slots.take(deliveryOf(queue), (waited) => {
      begun.push(waited ? `${queue} waited` : queue);
      return waited ? Promise.resolve() : new Promise((resolve) => ends.push(resolve));
    });
  /** Ends the work that runs longest, and lets what that caused happen. */
  const endOne = async () => {
    ends.shift()?.();
    await new Promise(setImmediate);
  };
  return { slots, begun, take, endOne };
}

describe('slots', () => {
  it('run as much as they may at a time, and no more', async () => {
    const { begun, take, endOne } = world(2);
    for (const queue of ['normal', 'normal', 'low', 'normal']) void take(queue);
    expect(begun).toHaveLength(2);
    await endOne();
    expect(begun).toHaveLength(3);
    void take('high');
    expect(begun).toHaveLength(3);
  });

  it('serve by weight, each in the order in which it came, and let none starve', async () => {
    const { begun, take, endOne } = world(1);
    void take('normal');
    for (let index = 0; index < 100; index++) for (const queue of ['low', 'normal', 'high']) void take(queue);
    for (let index = 0; index < 100; index++) await endOne();
    const count = (queue: string) => begun.slice(1).filter((one) => one === queue).length;
    expect([count('high'), count('normal'), count('low')]).toEqual([60, 30, 10]);
    for (let from = 1; from <= 90; from += 10) expect(begun.slice(from, from + 10)).toContain('low');
  });

  it('give a queue alone with work all turns', async () => {
    const { begun, take, endOne } = world(1);
    for (let index = 0; index < 5; index++) void take('low');
    for (let index = 0; index < 4; index++) await endOne();
    expect(begun).toEqual(['low', 'low', 'low', 'low', 'low']);
  });

  it('are not held by work whose delivery is lost, and freed once', async () => {
    const { begun, slots, take, endOne } = world(1);
    const lost = deliveryOf('low');
    let end = () => {};
    const ignoring = slots.take(lost, () => new Promise((resolve) => (end = resolve)));
    await new Promise(setImmediate);
    void take('high');
    void take('normal');
    lost.lose();
    await new Promise(setImmediate);
    expect(begun).toEqual(['high']);
    end();
    await ignoring;
    expect(begun).toEqual(['high']);
    await endOne();
    expect(begun).toEqual(['high', 'normal']);
  });

  it('go to the next one when work fails', async () => {
    const slots = createSlots({ count: 1, weightOf: () => 1, maxWaitMs: minute });
    const failed = slots.take(deliveryOf('low'), () => Promise.reject(new Error('a defect')));
    const next = slots.take(deliveryOf('low'), async () => undefined);
    await expect(failed).rejects.toThrow('a defect');
    await next;
  });

  it('tell what waited for too long, and hold no place for it', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    try {
      const { begun, take, endOne } = world(1);
      void take('normal');
      void take('low');
      jest.advanceTimersByTime(minute);
      await new Promise(setImmediate);
      expect(begun).toEqual(['normal', 'low waited']);
      void take('high');
      await endOne();
      expect(begun).toEqual(['normal', 'low waited', 'high']);
    } finally {
      jest.useRealTimers();
    }
  });

  it('let everything go at once when they open', async () => {
    const { begun, slots, take } = world(1);
    for (const queue of ['normal', 'low', 'high']) void take(queue);
    slots.open();
    await new Promise(setImmediate);
    void take('normal');
    expect(begun).toHaveLength(4);
  });
});
