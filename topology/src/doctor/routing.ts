import type { BindingFact, ExchangeFact, HeldFact } from './facts.js';
import { topicsMeet } from './topic-pattern.js';

/**
 * The key that a message has when it is published. `patterns`: nobody knows it, but it is one that fits one of these topic
 * patterns. An exact key without `*` and `#` is a pattern as well.
 */
export interface PossibleKeys {
  readonly patterns: readonly string[];
}

/** Where messages published to an exchange may arrive: the queues. None: they are dropped, or returned. */
export function arrivalsOf(exchange: string, keys: PossibleKeys, held: HeldFact): ReadonlySet<string> {
  if (exchange === '') {
    return new Set(held.queues.map(({ name }) => name).filter((name) => fits(name, keys)));
  }
  const arrivals = new Set<string>();
  const seen = new Set<string>();
  const waiting = [exchange];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const found = held.exchanges.find((one) => one.name === name);
    if (found === undefined || seen.has(name)) continue;
    seen.add(name);
    const taken = held.bindings.filter((binding) => binding.source === name && mayTake(found, binding, keys));
    for (const { destination, destinationKind } of taken) {
      if (destinationKind === 'exchange') waiting.push(destination);
      else if (held.queues.some((queue) => queue.name === destination)) arrivals.add(destination);
    }
    const alternate = alternateOf(found);
    // The alternate gets what no binding takes: where the key is not known, that may be something.
    if (alternate !== undefined && (taken.length === 0 || !isExact(keys))) waiting.push(alternate);
  }
  return arrivals;
}

/** The exchanges from which some queue can be reached with some key. */
export function exchangesWithWay(held: HeldFact): ReadonlySet<string> {
  return new Set(
    held.exchanges.map(({ name }) => name).filter((name) => arrivalsOf(name, { patterns: ['#'] }, held).size > 0),
  );
}

/** The keys that messages in a queue may have: those by which bindings lead them in. */
export function keysInto(queue: string, held: HeldFact): PossibleKeys {
  const bound = held.bindings.filter((one) => one.destinationKind === 'queue' && one.destination === queue);
  const patterns = bound.map((binding) => {
    const source = held.exchanges.find(({ name }) => name === binding.source);
    return source === undefined || !takesByKey(source) ? '#' : binding.routingKey;
  });
  return { patterns: [queue, ...patterns] };
}

export function exactly(key: string): PossibleKeys {
  return { patterns: [key] };
}

export function alternateOf({ arguments: given }: ExchangeFact): string | undefined {
  const alternate = given['alternate-exchange'];
  return typeof alternate === 'string' ? alternate : undefined;
}

function mayTake(exchange: ExchangeFact, { routingKey }: BindingFact, keys: PossibleKeys): boolean {
  switch (kindOf(exchange)) {
    case 'direct':
      return fits(routingKey, keys);
    case 'topic':
      return keys.patterns.some((pattern) => topicsMeet(routingKey, pattern));
    default:
      return true;
  }
}

function fits(key: string, { patterns }: PossibleKeys): boolean {
  return patterns.some((pattern) => topicsMeet(key, pattern));
}

function takesByKey(exchange: ExchangeFact): boolean {
  return ['direct', 'topic'].includes(kindOf(exchange));
}

/** The delayed-message plugin's exchange routes as the type in its arguments does. */
function kindOf({ type, arguments: given }: ExchangeFact): string {
  const delayed = given['x-delayed-type'];
  return type === 'x-delayed-message' && typeof delayed === 'string' ? delayed : type;
}

function isExact({ patterns }: PossibleKeys): boolean {
  return patterns.every((pattern) => !/[*#]/.test(pattern));
}
