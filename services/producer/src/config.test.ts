import { describe, expect, it } from '@jest/globals';
import { producerConfigFrom } from './config.js';

const required = { AMQP_URL: 'amqp://h', LEDGER_URL: '/l.db' };

describe('producerConfigFrom', () => {
  it('has a default for all but the two addresses', () => {
    expect(producerConfigFrom(required)).toEqual({
      amqpUrl: 'amqp://h',
      ledgerUrl: '/l.db',
      delay: 'auto',
      profile: 'classic',
      priorities: 'lanes',
      prefetch: 50,
      outboxLimit: 10_000,
      drainMs: 10_000,
      logLevel: 'info',
    });
  });

  it('takes an empty variable for one that is not set', () => {
    const empty = { WARREN_PREFETCH: '', WARREN_DRAIN_MS: '', WARREN_OUTBOX_LIMIT: ' ', WARREN_DELAY: '' };
    expect(producerConfigFrom({ ...required, ...empty })).toEqual(producerConfigFrom(required));
  });

  it.each([
    [{ LEDGER_URL: '/l.db' }, 'AMQP_URL'],
    [{ ...required, LEDGER_URL: '' }, 'LEDGER_URL'],
    [{ ...required, WARREN_PREFETCH: '0' }, 'WARREN_PREFETCH'],
    [{ ...required, WARREN_PREFETCH: 'many' }, 'WARREN_PREFETCH'],
    [{ ...required, WARREN_DRAIN_MS: '-1' }, 'WARREN_DRAIN_MS'],
    [{ ...required, WARREN_DELAY: 'soon' }, 'WARREN_DELAY'],
    [{ ...required, WARREN_LOG_LEVEL: 'loud' }, 'WARREN_LOG_LEVEL'],
  ])('%j names %s', (env, variable) => {
    expect(() => producerConfigFrom(env)).toThrow(variable);
  });
});
