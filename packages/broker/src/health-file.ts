import { closeSync, openSync, rmSync, utimesSync } from 'node:fs';
import type { Logger } from 'pino';

/** How often the file is touched, in milliseconds. A check that finds it older than three times this has found trouble. */
export const healthIntervalMs = 5_000;

/**
 * Touches a file, at once and then every {@link healthIntervalMs}, while the service is healthy and its event loop turns:
 * what a container's health check looks at, without a port or a process of its own. Ends with the file removed.
 */
export function keepHealthFile(file: string, isHealthy: () => boolean, log: Logger): { end(): void } {
  const touch = () => {
    if (!isHealthy()) return;
    try {
      closeSync(openSync(file, 'a'));
      utimesSync(file, new Date(), new Date());
    } catch (err) {
      log.warn({ err, file }, 'the health file could not be touched: see that its folder exists and may be written');
    }
  };
  touch();
  const timer = setInterval(touch, healthIntervalMs);
  timer.unref();
  return {
    end() {
      clearInterval(timer);
      rmSync(file, { force: true });
    },
  };
}
