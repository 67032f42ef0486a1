import type { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import { messageOf } from './exception.js';

/**
 * Calls every listener, whatever one of them throws: an exception that reached the client would break its reconnect
 * loop, and the listeners after it would never hear of the event.
 */
export function callEach(
  listeners: ReturnType<EventEmitter['rawListeners']>,
  event: string,
  args: readonly unknown[],
  log: Logger,
): void {
  for (const listener of listeners) {
    try {
      Reflect.apply(listener, undefined, args);
    } catch (error) {
      log.error({ event, err: error }, `a listener of "${event}" threw: ${messageOf(error)}`);
    }
  }
}
