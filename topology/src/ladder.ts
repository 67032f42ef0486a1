import { durationText } from './duration-text.js';
import { type Binding, type Exchange, maxQueueTtlMs, type Queue } from './model.js';
import { exchangeNames } from './names.js';

/**
 * The measures of a delay ladder. Level `k` (0 the lowest) holds each message for `unitMs * 2^k`; a delay is written in
 * binary, one digit a level, and a message stops at every level whose digit is 1.
 */
export interface LadderShape {
  /** The smallest step, in milliseconds, at least 1. Delays are rounded up to a multiple of it. */
  readonly unitMs: number;
  /** How many levels, 1 to 31. The longest delay is `unitMs * (2^levels - 1)`. */
  readonly levels: number;
}

/** Steps of 100 ms over 25 levels: up to 3,355,443,100 ms, which is 38 days and 20 hours. */
export const defaultLadder: LadderShape = { unitMs: 100, levels: 25 };

/** The broker holds a routing key in a length byte. */
export const maxRoutingKeyBytes = 255;

export function longestLadderDelayMs(shape: LadderShape): number {
  return shape.unitMs * (2 ** shape.levels - 1);
}

/**
 * Where a message enters the ladder: at the level of the delay's highest set bit, so that it makes one hop a set bit and
 * touches no level above. The key carries the digits of **all** levels, most significant first, because each level's
 * binding finds its own digit by position from the left; then the destination.
 * `units` is a whole number from 1 to `2^levels - 1`. Throws when the key would be too long for the broker.
 */
export function ladderEntry(
  shape: LadderShape,
  units: number,
  destinationKey: string,
): { exchange: string; routingKey: string } {
  if (!Number.isInteger(units) || units < 1 || units >= 2 ** shape.levels) {
    throw new RangeError(`a ladder of ${shape.levels} levels can't hold a message for ${units} units`);
  }
  const digits = units.toString(2).padStart(shape.levels, '0').split('');
  const routingKey = [...digits, destinationKey].join('.');
  if (Buffer.byteLength(routingKey) > maxRoutingKeyBytes) {
    throw new RangeError(
      `routing key of ${Buffer.byteLength(routingKey)} bytes for "${destinationKey}": the broker takes ${maxRoutingKeyBytes}; use fewer ladder levels or a shorter type name`,
    );
  }
  return { exchange: levelName(shape, Math.floor(Math.log2(units))), routingKey };
}

/** The exchanges, queues and bindings of a ladder that ends in the given work queues, each by the key that it takes. */
export function ladderParts(
  shape: LadderShape,
  lanes: readonly { readonly queue: Pick<Queue, 'name'>; readonly key: string }[],
): { exchanges: Exchange[]; queues: Queue[]; bindings: Binding[] } {
  assertBuildable(shape);
  const levels = Array.from({ length: shape.levels }, (_, level) => level);
  return {
    exchanges: [due(shape), ...levels.map((level) => levelExchange(shape, level))],
    queues: levels.map((level) => levelQueue(shape, level)),
    // Lowest level first: while the ladder is being built, whatever enters a level finds its way down complete.
    bindings: [
      ...lanes.map(({ queue, key }) => arrival(shape, queue.name, key)),
      ...levels.flatMap((level) => hops(shape, level)),
    ],
  };
}

function due(shape: LadderShape): Exchange {
  return ladderExchange(shape, dueExchange(shape), 'Where messages leave the delay ladder, each for its work queue.');
}

function levelExchange(shape: LadderShape, level: number): Exchange {
  const ttl = durationText(levelTtlMs(shape, level));
  const purpose = `Delay level of ${ttl}: digit 1 waits in its queue, 0 goes on at once.`;
  return ladderExchange(shape, levelName(shape, level), purpose);
}

/** What leaves the ladder without a work queue to go to must not stay: at-least-once dead-lettering would block its level. */
function ladderExchange(shape: LadderShape, name: string, purpose: string): Exchange {
  const ladder = ladderName(shape);
  return { name, type: 'topic', arguments: { 'alternate-exchange': exchangeNames.unroutable }, purpose, ladder };
}

function levelQueue(shape: LadderShape, level: number): Queue {
  return {
    name: levelName(shape, level),
    arguments: {
      'x-queue-type': 'quorum',
      'x-message-ttl': levelTtlMs(shape, level),
      'x-dead-letter-exchange': below(shape, level),
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    },
    purpose: `Delay level: holds messages for ${durationText(levelTtlMs(shape, level))}, then hands them down.`,
    ladder: ladderName(shape),
  };
}

function levelTtlMs({ unitMs }: LadderShape, level: number): number {
  return unitMs * 2 ** level;
}

/** Digit 1: wait in this level's queue. Digit 0: go on to the level below at once. */
function hops(shape: LadderShape, level: number): Binding[] {
  const source = levelName(shape, level);
  const higherDigits = '*.'.repeat(shape.levels - 1 - level);
  return [
    { source, destination: source, destinationKind: 'queue', routingKey: `${higherDigits}1.#` },
    { source, destination: below(shape, level), destinationKind: 'exchange', routingKey: `${higherDigits}0.#` },
  ];
}

/** Straight to the work queue: a binding to exchange `tasks` could not take the digits off the key. */
function arrival(shape: LadderShape, queue: string, key: string): Binding {
  return { source: dueExchange(shape), destination: queue, destinationKind: 'queue', routingKey: `#.${key}` };
}

function below(shape: LadderShape, level: number): string {
  return level === 0 ? dueExchange(shape) : levelName(shape, level - 1);
}

/**
 * A level's exchange and its queue share this name. The shape is part of it: bindings of two shapes on the same
 * exchanges would deliver a message twice, so another shape is another ladder and the old one drains beside it.
 */
function levelName(shape: LadderShape, level: number): string {
  return `${ladderName(shape)}.level-${String(level).padStart(2, '0')}`;
}

/** Where messages come out once their delay is over. */
function dueExchange(shape: LadderShape): string {
  return `${ladderName(shape)}.due`;
}

/** The ladder that an exchange or a queue of this name is a part of, whatever its shape; undefined: of none. */
export function ladderOf(name: string): string | undefined {
  return /^(delay\.\d+ms-x\d+)\.(?:due|level-\d\d)$/.exec(name)?.[1];
}

function ladderName(shape: LadderShape): string {
  return `delay.${shape.unitMs}ms-x${shape.levels}`;
}

function assertBuildable({ unitMs, levels }: LadderShape): void {
  if (!Number.isInteger(levels) || levels < 1 || levels > 31) {
    throw new RangeError(`a delay ladder has 1 to 31 levels, not ${levels}`);
  }
  if (!Number.isInteger(unitMs) || unitMs < 1 || unitMs * 2 ** (levels - 1) > maxQueueTtlMs) {
    throw new RangeError(
      `a delay ladder of ${levels} levels can't have a unit of ${unitMs} ms: use a whole number from 1, with which the top level waits ${maxQueueTtlMs} ms at most`,
    );
  }
}
