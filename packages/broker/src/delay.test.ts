import { describe, expect, it } from '@jest/globals';
import { priorityClasses, taskTypes } from '@warren/tasks';
import {
  type DelayMechanism,
  defaultLadder,
  routingKey,
  type Topology,
  topologyFor,
  workQueue,
} from '@warren/topology';
import fc from 'fast-check';
import { z } from 'zod';
import { delayBy, maxPluginDelayMs, routedProperties } from './delay.js';

const day = 24 * 60 * 60_000;

describe.each<DelayMechanism>(['ladder', 'plugin'])(
  'a delay by %s, walked through the bindings of its topology',
  (mechanism) => {
    const delay = delayBy(mechanism);
    const topology = topologyFor({ types: taskTypes, delay: mechanism, profile: 'classic' });
    const stepMs = mechanism === 'ladder' ? defaultLadder.unitMs : 1;
    const aTask = fc.record({
      type: fc.constantFrom(...taskTypes.map(({ name }) => name)),
      priorityClass: fc.constantFrom(...priorityClasses),
    });
    const aDelay = fc.oneof(
      fc.double({ min: 0, max: delay.maxDelayMs, noNaN: true }),
      fc.integer({ min: 0, max: 31 }).map((bit) => Math.min(2 ** bit * stepMs, delay.maxDelayMs)),
      fc.constantFrom(0, 1, stepMs, stepMs + 1, delay.maxDelayMs),
    );

    it('is never early, late by less than a step, and ends in the one right queue', () => {
      fc.assert(
        fc.property(aTask, aDelay, ({ type, priorityClass }, delayMs) => {
          const arrivals = walk(topology, delay.route(delayMs, routingKey(type, priorityClass)));
          expect(arrivals).toEqual([{ queue: workQueue(type), afterMs: Math.ceil(delayMs / stepMs) * stepMs }]);
        }),
        { numRuns: 300 },
      );
    });

    it('takes a task of a type that has no queue to the queue of unroutable messages', () => {
      fc.assert(
        fc.property(aDelay, (delayMs) => {
          const arrivals = walk(topology, delay.route(delayMs, 'no-such-type.normal'));
          expect(arrivals.map(({ queue }) => queue)).toEqual(['unroutable']);
        }),
        { numRuns: 50 },
      );
    });

    it('cuts a delay beyond its longest to its longest, and sends what is due straight to exchange tasks', () => {
      expect(delay.route(Number.POSITIVE_INFINITY, 'a.low')).toEqual(delay.route(delay.maxDelayMs, 'a.low'));
      const direct = { exchange: 'tasks', routingKey: 'a.low', headers: {}, delayed: false };
      for (const dueMs of [0, -0, -1, Number.NEGATIVE_INFINITY]) expect(delay.route(dueMs, 'a.low')).toEqual(direct);
      expect(delay.route(0.001, 'a.low').delayed).toBe(true);
      expect(() => delay.route(Number.NaN, 'a.low')).toThrow('not NaN');
    });

    it('reaches thirty days', () => expect(delay.maxDelayMs).toBeGreaterThanOrEqual(30 * day));
  },
);

it('the plugin gets whole milliseconds, at most what it can keep', () => {
  const plugin = delayBy('plugin');
  expect(plugin.route(1.5, 'a.low')).toEqual({
    exchange: 'delayed',
    routingKey: 'a.low',
    headers: { 'x-delay': { '!': 'long', value: 2 } },
    delayed: true,
  });
  expect(plugin.route(50 * day, 'a.low').headers).toEqual({ 'x-delay': { '!': 'long', value: maxPluginDelayMs } });
});

describe('routedProperties', () => {
  const properties = { messageId: 'm', priority: 8, expiration: '5000', mandatory: true, headers: { 'x-tenant': 't' } };

  it('a delayed message carries neither expiration nor mandatory, and keeps the rest', () => {
    expect(routedProperties(delayBy('plugin').route(10, 'a.low'), properties)).toEqual({
      messageId: 'm',
      priority: 8,
      headers: { 'x-tenant': 't', 'x-delay': { '!': 'long', value: 10 } },
    });
  });

  it('a message that is not delayed keeps both', () => {
    expect(routedProperties(delayBy('ladder').route(0, 'a.low'), properties)).toEqual(properties);
  });

  it.each(['x-death', 'x-first-death-queue', 'x-last-death-reason', 'x-delay', 'CC', 'BCC'])(
    'header %s of an earlier delivery does not travel again',
    (header) => {
      const route = delayBy('ladder').route(100, 'a.low');
      expect(routedProperties(route, { headers: { [header]: 'old', kept: 1 } }).headers).toEqual({ kept: 1 });
    },
  );
});

/** Where a message ends, and after how long, by the rules of topic and fanout exchanges, alternate exchanges and TTL queues. */
function walk(
  topology: Topology,
  at: { exchange: string; routingKey: string; headers: Readonly<Record<string, unknown>> },
): { queue: string; afterMs: number }[] {
  return queuesFrom(topology, at.exchange, at.routingKey).flatMap(({ queue, heldMs }) => {
    const settings = topology.queues.find(({ name }) => name === queue)?.arguments ?? {};
    const [next, ttl] = [settings['x-dead-letter-exchange'], settings['x-message-ttl']];
    const afterMs = heldMs(at.headers) + Number(ttl ?? 0);
    if (typeof next !== 'string' || ttl === undefined) return [{ queue, afterMs }];
    return walk(topology, { ...at, exchange: next }).map((end) => ({ ...end, afterMs: end.afterMs + afterMs }));
  });
}

type Held = { queue: string; heldMs: (headers: Readonly<Record<string, unknown>>) => number };

const pluginHeaders = z.object({ 'x-delay': z.object({ '!': z.literal('long'), value: z.int() }) });

function queuesFrom(topology: Topology, exchangeName: string, key: string): Held[] {
  const exchange = topology.exchanges.find(({ name }) => name === exchangeName);
  if (exchange === undefined) throw new Error(`no exchange ${exchangeName}`);
  const holds = exchange.type === 'x-delayed-message';
  const found = topology.bindings
    .filter(
      ({ source, routingKey }) => source === exchangeName && (exchange.type !== 'topic' || matches(routingKey, key)),
    )
    .flatMap(({ destination, destinationKind }): Held[] =>
      destinationKind === 'exchange'
        ? queuesFrom(topology, destination, key)
        : [{ queue: destination, heldMs: () => 0 }],
    );
  const alternate = exchange.arguments['alternate-exchange'];
  const all = found.length === 0 && alternate !== undefined ? queuesFrom(topology, String(alternate), key) : found;
  return all.map((held) =>
    holds ? { ...held, heldMs: (headers) => pluginHeaders.parse(headers)['x-delay'].value } : held,
  );
}

/** `*` stands for one word, `#` for any number of them. */
function matches(pattern: string, key: string): boolean {
  const inWords = (wanted: readonly string[], words: readonly string[]): boolean => {
    const [first, ...others] = wanted;
    if (first === undefined) return words.length === 0;
    if (first === '#') return inWords(others, words) || (words.length > 0 && inWords(wanted, words.slice(1)));
    return words.length > 0 && (first === '*' || first === words[0]) && inWords(others, words.slice(1));
  };
  return inWords(pattern.split('.'), key.split('.'));
}
