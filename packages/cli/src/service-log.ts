import { destination, type Logger, pino } from 'pino';

/**
 * The log of a service: JSON lines on stdout, each written before the next statement runs. Left to itself pino writes
 * behind, and the last lines, which say why a process ended, come out of order or not at all.
 * @param level default `info`; a service sets `log.level` once it has read its configuration.
 */
export function createServiceLog(service: string, level = 'info'): Logger {
  return pino({ level, base: { service } }, destination({ fd: 1, sync: true }));
}
