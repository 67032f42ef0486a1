import { pino } from 'pino';

/**
 * For the parts of Warren that a test runs in its own process. `WARREN_TEST_LOG_LEVEL`, one of pino's levels, prints what
 * they log, as JSON lines on stdout; not set or empty: nothing.
 */
export const testLog = pino({ level: process.env.WARREN_TEST_LOG_LEVEL || 'silent' });
