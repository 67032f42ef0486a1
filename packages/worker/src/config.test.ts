import { describe, expect, it } from '@jest/globals';
import { summarize } from '@warren/tasks';
import { workerConfigFrom } from './config.js';

const required = { AMQP_URL: 'amqp://h', LEDGER_URL: '/l.db' };

describe('workerConfigFrom', () => {
  it('has a default for all but the two addresses', () => {
    expect(workerConfigFrom(required, summarize)).toEqual({
      amqpUrl: 'amqp://h',
      ledgerUrl: '/l.db',
      delay: 'auto',
      profile: 'classic',
      priorities: 'lanes',
      concurrency: summarize.policy.concurrency,
      name: expect.stringMatching(/^summarize@/),
      drainMs: 10_000,
      logLevel: 'info',
    });
  });

  it.each(['', ' '])('takes %j for a variable that is not set', (nothing) => {
    const names = ['WARREN_DELAY', 'WARREN_CONCURRENCY', 'WARREN_WORKER_NAME', 'WARREN_DRAIN_MS', 'WARREN_LOG_LEVEL'];
    const empty = Object.fromEntries(names.map((name) => [name, nothing]));
    expect(workerConfigFrom({ ...required, ...empty }, summarize)).toEqual(workerConfigFrom(required, summarize));
    expect(() => workerConfigFrom({ ...required, AMQP_URL: nothing }, summarize)).toThrow('AMQP_URL');
  });

  it.each([
    [{ LEDGER_URL: '/l.db' }, 'AMQP_URL'],
    [{ ...required, WARREN_CONCURRENCY: '0' }, 'WARREN_CONCURRENCY'],
    [{ ...required, WARREN_DRAIN_MS: '-1' }, 'WARREN_DRAIN_MS'],
    [{ ...required, WARREN_DELAY: 'soon' }, 'WARREN_DELAY must be'],
    [{ ...required, WARREN_LOG_LEVEL: 'loud' }, 'WARREN_LOG_LEVEL'],
  ])('%j names %s', (env, variable) => {
    expect(() => workerConfigFrom(env, summarize)).toThrow(variable);
  });
});
