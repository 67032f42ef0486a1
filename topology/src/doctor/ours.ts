import { exchangeNames } from '../names.js';
import { readQueueName } from '../queue-name.js';

const ladderName = /^delay\.[1-9]\d*ms-x[1-9]\d*\.(?:due|level-\d\d)$/;

/** Whether an exchange of this name is Warren's. */
export function isOurExchange(name: string): boolean {
  return Object.values<string>(exchangeNames).includes(name) || ladderName.test(name);
}

/** Whether a queue of this name is Warren's. */
export function isOurQueue(name: string): boolean {
  return readQueueName(name) !== undefined || ladderName.test(name);
}

/** Whether it is the exchange or the queue of a delay ladder, of whatever shape. */
export function isOfLadder(name: string): boolean {
  return ladderName.test(name);
}
