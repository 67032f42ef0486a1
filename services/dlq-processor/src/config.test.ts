import { describe, expect, it } from '@jest/globals';
import { defaultSweeperSettings } from '@warren/dead-letters';
import { dlqProcessorConfigFrom } from './config.js';

const required = { AMQP_URL: 'amqp://localhost/warren', LEDGER_URL: 'ledger.db' };

describe('the configuration of the dlq-processor', () => {
  it('needs a broker and a ledger, and no more', () => {
    expect(dlqProcessorConfigFrom({ ...required, WARREN_WORKER_NAME: 'd' })).toEqual({
      amqpUrl: 'amqp://localhost/warren',
      ledgerUrl: 'ledger.db',
      delay: 'auto',
      name: 'd',
      prefetch: 20,
      drainMs: 10_000,
      logLevel: 'info',
      sweeper: defaultSweeperSettings,
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(dlqProcessorConfigFrom({ ...required, WARREN_SWEEP_EMPTY_MS: '' }).sweeper.emptyMs).toBe(15_000);
    expect(() => dlqProcessorConfigFrom({ ...required, AMQP_URL: '' })).toThrow(/AMQP_URL/);
  });

  it('sets every time of the sweeper', () => {
    const env = {
      ...required,
      WARREN_SWEEP_INTERVAL_MS: '100',
      WARREN_SWEEP_OWED_AFTER_MS: '101',
      WARREN_SWEEP_QUIET_MS: '102',
      WARREN_SWEEP_EMPTY_MS: '103',
      WARREN_SWEEP_OVERTAKEN_MARGIN_MS: '104',
      WARREN_SWEEP_LEASE_MS: '105',
      WARREN_SWEEP_BATCH: '106',
    };
    expect(Object.values(dlqProcessorConfigFrom(env).sweeper)).toEqual([100, 101, 102, 103, 104, 105, 106]);
  });

  it.each([
    ['WARREN_PREFETCH', '0'],
    ['WARREN_PREFETCH', '1.5'],
    ['WARREN_SWEEP_QUIET_MS', 'soon'],
    ['WARREN_SWEEP_LEASE_MS', '5000'],
    ['WARREN_DELAY', 'magic'],
    ['WARREN_LOG_LEVEL', 'loud'],
  ])('refuses %s=%s by name', (name, value) => {
    expect(() => dlqProcessorConfigFrom({ ...required, [name]: value })).toThrow(new RegExp(name));
  });
});
