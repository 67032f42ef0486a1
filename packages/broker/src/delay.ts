import {
  type DelayMechanism,
  defaultLadder,
  delayHeader,
  exchangeNames,
  type LadderShape,
  ladderEntry,
  longestLadderDelayMs,
} from '@warren/topology';

/** The longest delay that the plugin keeps; what is longer it would deliver at once. */
export const maxPluginDelayMs = 2 ** 32 - 1;

/** Where to publish a message so that it reaches its work queue when it is due. Publish it with {@link routedProperties}. */
export interface DelayRoute {
  readonly exchange: string;
  readonly routingKey: string;
  /** To be added to the message's own headers; values as amqplib encodes them. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** False when the message goes straight to its work queue. */
  readonly delayed: boolean;
}

/**
 * Holds messages back in the broker. What every mechanism owes while the broker runs: a message is never early, lost or
 * delivered twice, a long delay does not hold back a short one, and body, headers and priority arrive as they were sent.
 *
 * Over a stop of the broker a message is never early either, but what is in hand in that moment may come twice, may come
 * minutes late (ladder) and may be lost (plugin): the claim and the sweeper make that good. Late is allowed at any time,
 * by load; and on RabbitMQ 4.0 to 4.2 a low-priority message on a ladder may also wait for messages of a higher priority
 * that entered the same level after it.
 */
export interface Delay {
  readonly mechanism: DelayMechanism;
  readonly maxDelayMs: number;
  /**
   * @param delayMs from now, in milliseconds. 0 or less: at once. More than `maxDelayMs`: cut to it, so a worker that
   * meets a task before its time delays it again. A part of the mechanism's smallest step counts as a whole one.
   * @param destinationKey a task's routing key, `<type>.<class>`.
   */
  route(delayMs: number, destinationKey: string): DelayRoute;
}

/** The delay that a broker with this mechanism's topology gives. Pure: `discoverDelay` finds out which one a broker has. */
export function delayBy(mechanism: DelayMechanism, ladder: LadderShape = defaultLadder): Delay {
  switch (mechanism) {
    case 'plugin':
      return pluginDelay;
    case 'ladder':
      return ladderDelay(ladder);
    default:
      return mechanism satisfies never;
  }
}

/** What {@link routedProperties} looks at; every other property passes as it is. */
export interface RoutableProperties {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly expiration?: string | number;
  readonly mandatory?: boolean;
}

/**
 * The properties to publish on a route with: `properties` with the route's headers, without what the broker wrote when it
 * delivered the message before, and, where the message is delayed, without
 * - `expiration`: in a ladder's queues the shorter of it and the level's own TTL counts, so the message would be early;
 *   a task's end is its deadline in the ledger;
 * - `mandatory`: the plugin returns every message it delays, and a ladder never returns one.
 */
export function routedProperties<P extends RoutableProperties>(route: DelayRoute, properties: P): RoutedProperties<P> {
  const { headers, expiration, mandatory, ...kept } = properties;
  const undelayed = {
    ...(expiration === undefined ? {} : { expiration }),
    ...(mandatory === undefined ? {} : { mandatory }),
  };
  return {
    ...kept,
    ...(route.delayed ? {} : undelayed),
    headers: { ...withoutBrokerHeaders(headers ?? {}), ...route.headers },
  };
}

export type RoutedProperties<P extends RoutableProperties> = Omit<P, keyof RoutableProperties> &
  Omit<RoutableProperties, 'headers'> & { readonly headers: Record<string, unknown> };

/**
 * Written by the broker, or an order to it. A message that carries `x-death` from an earlier way through the ladder is
 * taken for a dead-letter cycle and dropped without a word (RabbitMQ before 4.0); `CC` and `BCC` add destinations.
 */
const brokerHeader = /^(x-death|x-(first|last)-death-.*|x-delay|x-delivery-count|CC|BCC)$/;

function withoutBrokerHeaders(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(headers)) if (!brokerHeader.test(name)) kept[name] = value;
  return kept;
}

const pluginDelay: Delay = {
  mechanism: 'plugin',
  maxDelayMs: maxPluginDelayMs,
  route(delayMs, destinationKey) {
    const ms = wholeSteps(delayMs, 1, maxPluginDelayMs);
    if (ms === 0) return direct(destinationKey);
    return {
      exchange: exchangeNames.delayed,
      routingKey: destinationKey,
      // As 64 bits: amqplib would send up to 127 as one byte, which the plugin takes for no delay from RabbitMQ 3.13 on.
      headers: { [delayHeader]: { '!': 'long', value: ms } },
      delayed: true,
    };
  },
};

function ladderDelay(shape: LadderShape): Delay {
  const maxDelayMs = longestLadderDelayMs(shape);
  return {
    mechanism: 'ladder',
    maxDelayMs,
    route(delayMs, destinationKey) {
      const units = wholeSteps(delayMs, shape.unitMs, maxDelayMs);
      if (units === 0) return direct(destinationKey);
      return { ...ladderEntry(shape, units, destinationKey), headers: {}, delayed: true };
    },
  };
}

function direct(destinationKey: string): DelayRoute {
  return { exchange: exchangeNames.tasks, routingKey: destinationKey, headers: {}, delayed: false };
}

function wholeSteps(delayMs: number, stepMs: number, maxDelayMs: number): number {
  if (Number.isNaN(delayMs)) throw new RangeError('a delay must be a number of milliseconds, not NaN');
  return Math.ceil(Math.min(Math.max(delayMs, 0), maxDelayMs) / stepMs);
}
